import { useEffect, useState } from 'preact/hooks'
import { serverTime } from '../../shared/servertime'
import { handheldMedia } from '../../shared/ways'

// Seconds until then by the server's clock; drawn anew as each second turns.
export function useSecondsUntil(at: string | undefined): number {
  const [, redraw] = useState(0)
  const left = at ? (Date.parse(at) - serverTime.now()) / 1000 : 0
  useEffect(() => {
    if (!at) return
    const timer = setInterval(() => redraw((n) => n + 1), 250)
    return () => clearInterval(timer)
  }, [at])
  // Rounded: the clock is known to half a second, and 3:01 of three minutes looks wrong.
  return Math.max(0, Math.round(left))
}

const narrow = '(max-width: 42rem)'

export function useNarrow(): boolean {
  return useMedia(narrow)
}

// The portal itself is on a phone, which cannot scan its own screen.
export function useHandheld(): boolean {
  return useMedia(handheldMedia)
}

function useMedia(query: string): boolean {
  const [fits, setFits] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const media = matchMedia(query)
    const changed = () => setFits(media.matches)
    media.addEventListener('change', changed)
    return () => media.removeEventListener('change', changed)
  }, [query])
  return fits
}
