// A countdown must follow the server's clock, not a desk's: offices have
// computers that are minutes off. Every answer's Date header tells the offset.
class ServerTime {
  private offset = 0
  private error = Infinity

  // The Date header has whole seconds, so the offset is known to within half a
  // second and half the round trip; only a better reading replaces a good one.
  learn(header: string | null, sent: number, received: number): void {
    const at = header === null ? NaN : Date.parse(header)
    if (!Number.isFinite(at)) return
    const error = (received - sent) / 2 + 500
    const offset = at + 500 - (sent + received) / 2
    if (error <= this.error || Math.abs(offset - this.offset) > error + this.error) {
      this.offset = offset
      this.error = error
    }
  }

  now(): number {
    return Date.now() + this.offset
  }
}

export const serverTime = new ServerTime()
export { ServerTime }
