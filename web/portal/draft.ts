// What a person typed or chose, kept for the life of the tab, so that a reload,
// an error or a sign-in that ran out loses nothing. Passwords are never kept.
import { useState } from 'preact/hooks'

const prefix = 'certlink.draft.'

export function readDraft<T>(key: string): T | undefined {
  try {
    const text = sessionStorage.getItem(prefix + key)
    return text === null ? undefined : (JSON.parse(text) as T)
  } catch {
    return undefined
  }
}

export function writeDraft(key: string, value: unknown): void {
  try {
    if (value === undefined) sessionStorage.removeItem(prefix + key)
    else sessionStorage.setItem(prefix + key, JSON.stringify(value))
  } catch {
    // Storage is full or forbidden: the page works, a reload forgets.
  }
}

export function clearDrafts(): void {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(prefix)) sessionStorage.removeItem(key)
  } catch {
    // Nothing was kept, then.
  }
}

export function useDraft<T extends object>(key: string, initial: T): [T, (change: Partial<T>) => void, () => void] {
  const [value, setValue] = useState<T>(() => ({ ...initial, ...readDraft<Partial<T>>(key) }))
  const change = (part: Partial<T>) =>
    setValue((was) => {
      const next = { ...was, ...part }
      writeDraft(key, next)
      return next
    })
  const clear = () => {
    writeDraft(key, undefined)
    setValue(initial)
  }
  return [value, change, clear]
}
