// The door for a native shell: an installed app is this page in a web view, and a
// shell around it that the phone's push service talks to. The shell hands in the
// token that the service gave it, and each note that comes. A note is a reason to ask
// the server and proves nothing: what is asked stands in the inbox or nowhere.
import { isProblem } from '../../shared/problem'
import type { Phone } from './phone'

export interface NativeShell {
  // The push service has given the app a token, or a new one.
  channel(kind: string, token: string): Promise<void>
  // A note came; opened: its holder has tapped on it.
  pushed(note: { id?: unknown }, opened?: boolean): Promise<void>
}

interface Channels {
  items: { kind: string; on: boolean }[]
}

export function shellOf(phone: Phone, go: (to: { place: 'session'; id: string } | { place: 'inbox' }) => void): NativeShell {
  return {
    async channel(kind, token) {
      const { items } = await phone.api.call<Channels>('GET', '/v1/phone/channels')
      // What the holder has switched off stays off; the order is theirs too.
      const mine = { kind, token, on: items.find((c) => c.kind === kind)?.on ?? true }
      const known = items.some((c) => c.kind === kind)
      const channels = known ? items.map((c) => (c.kind === kind ? mine : { kind: c.kind, on: c.on })) : [...items.map(({ kind, on }) => ({ kind, on })), mine]
      await phone.api.call('PUT', '/v1/phone/channels', { body: { channels } })
    },
    async pushed(note, opened = false) {
      try {
        await phone.prompted()
      } catch (e) {
        // Without a network it is asked later, as ever.
        if (!isProblem(e)) throw e
      }
      if (!opened) return
      const asked = phone.open.find((s) => s.prompt && s.session === note.id)
      go(asked ? { place: 'session', id: asked.session } : { place: 'inbox' })
    },
  }
}

declare global {
  var certlinkShell: NativeShell | undefined
}

// openDoor puts the door where the shell finds it, and says so; it returns what shuts
// it.
export function openDoor(shell: NativeShell): () => void {
  globalThis.certlinkShell = shell
  globalThis.dispatchEvent?.(new Event('certlink-ready'))
  return () => void (globalThis.certlinkShell = undefined)
}
