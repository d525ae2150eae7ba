// The app's icon, drawn from distances and written as PNG (ISO/IEC 15948), so
// that no picture has to be kept beside its source: a phone with a check mark.
import { deflateSync } from 'node:zlib'

const blue = [27, 85, 189]
const white = [255, 255, 255]

export function icon(size, shape) {
  const pixels = Buffer.alloc(size * size * 4)
  // Maskable icons may be cut to a circle of 80 %: the drawing keeps inside.
  const zoom = shape === 'full' ? 0.8 : 1
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const u = (x + 0.5) / size - 0.5
      const v = (y + 0.5) / size - 0.5
      const edge = 0.7 / size
      const ground = shape === 'full' ? 1 : cover(box(u, v, 0.5, 0.5, 0.22), edge)
      const ink = cover(mark(u / zoom, v / zoom) * zoom, edge)
      const at = (y * size + x) * 4
      for (let c = 0; c < 3; c++) pixels[at + c] = Math.round(blue[c] + (white[c] - blue[c]) * ink)
      pixels[at + 3] = Math.round(255 * ground)
    }
  }
  return png(size, pixels)
}

// Below: signed distances, negative inside.
const cover = (d, edge) => Math.min(1, Math.max(0, 0.5 - d / (2 * edge)))

function box(x, y, halfX, halfY, radius) {
  const qx = Math.abs(x) - halfX + radius
  const qy = Math.abs(y) - halfY + radius
  return Math.hypot(Math.max(qx, 0), Math.max(qy, 0)) + Math.min(Math.max(qx, qy), 0) - radius
}

function stroke(x, y, ax, ay, bx, by, half) {
  const [px, py, dx, dy] = [x - ax, y - ay, bx - ax, by - ay]
  const t = Math.min(1, Math.max(0, (px * dx + py * dy) / (dx * dx + dy * dy)))
  return Math.hypot(px - dx * t, py - dy * t) - half
}

function mark(x, y) {
  const line = 0.032
  // A phone in outline, and on it a check mark.
  const phone = Math.abs(box(x, y, 0.19, 0.32, 0.06)) - line * 0.8
  const check = Math.min(stroke(x, y, -0.085, 0.01, -0.02, 0.075, line), stroke(x, y, -0.02, 0.075, 0.095, -0.07, line))
  const home = stroke(x, y, -0.035, 0.22, 0.035, 0.22, line * 0.55)
  return Math.min(phone, check, home)
}

function png(size, rgba) {
  const rows = Buffer.alloc(size * (size * 4 + 1))
  for (let y = 0; y < size; y++) rgba.copy(rows, y * (size * 4 + 1) + 1, y * size * 4, (y + 1) * size * 4)
  const head = Buffer.alloc(13)
  head.writeUInt32BE(size, 0)
  head.writeUInt32BE(size, 4)
  head.set([8, 6, 0, 0, 0], 8)
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk('IHDR', head), chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))])
}

function chunk(type, body) {
  const out = Buffer.alloc(body.length + 12)
  out.writeUInt32BE(body.length, 0)
  out.write(type, 4, 'latin1')
  body.copy(out, 8)
  out.writeUInt32BE(crc(out.subarray(4, body.length + 8)), body.length + 8)
  return out
}

function crc(bytes) {
  let c = 0xffffffff
  for (const b of bytes) {
    c ^= b
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
  }
  return (c ^ 0xffffffff) >>> 0
}
