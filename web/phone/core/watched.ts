// Something that pages watch: they draw it again whenever it says it changed.
export class Watched {
  private readonly watchers = new Set<() => void>()

  watch(tell: () => void): () => void {
    this.watchers.add(tell)
    return () => void this.watchers.delete(tell)
  }

  protected changed(): void {
    for (const tell of [...this.watchers]) tell()
  }
}
