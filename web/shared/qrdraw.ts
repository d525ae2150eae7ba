// Draws a code with whole device pixels per module, dark on white whatever the
// page's colours, quiet zone of four modules: a photograph of the screen, or a
// screenshot, decodes at once.
import { encode } from 'uqr'

const quiet = 4

export function modules(text: string, minVersion = 1): { version: number; size: number; dark: (x: number, y: number) => boolean } {
  const code = encode(text, { ecc: 'L', border: 0, boostEcc: true, minVersion })
  return { version: code.version, size: code.size, dark: (x, y) => code.data[y]?.[x] === true }
}

export function draw(canvas: HTMLCanvasElement, text: string, size: number, ratio: number, minVersion: number): number {
  const code = modules(text, minVersion)
  const across = code.size + 2 * quiet
  const each = Math.max(1, Math.floor((size * ratio) / across))
  const width = each * across
  if (canvas.width !== width) canvas.width = canvas.height = width
  canvas.style.width = canvas.style.height = `${width / ratio}px`
  const c = canvas.getContext('2d', { alpha: false })
  if (!c) return code.version
  c.fillStyle = '#ffffff'
  c.fillRect(0, 0, width, width)
  c.fillStyle = '#000000'
  for (let y = 0; y < code.size; y++) {
    // Neighbours in a row are one rectangle: fewer calls, and no seams.
    for (let x = 0; x < code.size; x++) {
      if (!code.dark(x, y)) continue
      let end = x + 1
      while (end < code.size && code.dark(end, y)) end++
      c.fillRect((x + quiet) * each, (y + quiet) * each, (end - x) * each, each)
      x = end
    }
  }
  return code.version
}
