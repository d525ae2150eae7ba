// Looks for a code in a picture, beside the page so that the page stays smooth.
import jsQR from 'jsqr'

export interface Job {
  id: number
  pixels: ArrayBuffer // RGBA
  width: number
  height: number
  // Light on dark too: for pictures that are looked at once. A camera's next
  // frame is soon enough.
  thorough: boolean
}

export interface Found {
  id: number
  text: string | undefined
}

self.onmessage = (e: MessageEvent<Job>) => {
  const { id, pixels, width, height, thorough } = e.data
  let text: string | undefined
  try {
    text = jsQR(new Uint8ClampedArray(pixels), width, height, { inversionAttempts: thorough ? 'attemptBoth' : 'dontInvert' })?.data || undefined
  } catch {
    // A picture that the decoder cannot cope with holds no code.
  }
  ;(self as unknown as Worker).postMessage({ id, text } satisfies Found)
}
