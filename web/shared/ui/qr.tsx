import { useLayoutEffect, useRef } from 'preact/hooks'
import { draw } from '../qrdraw'
import { word } from './words'

interface Props {
  text: string
  // The square that the code may fill, in CSS pixels; it never moves.
  size: number
  testid?: string
  state?: string
  label?: string
}

export function QR(p: Props) {
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  // The counter in the code grows a digit now and then: once larger, the square
  // grid stays so, or the picture would jump between two sizes.
  const version = useRef(1)
  useLayoutEffect(() => {
    if (!canvas.current || !box.current) return
    box.current.style.width = box.current.style.height = `${p.size}px`
    version.current = draw(canvas.current, p.text, p.size, globalThis.devicePixelRatio || 1, version.current)
  }, [p.text, p.size])
  return (
    <div class="qr" ref={box} data-testid={p.testid} data-state={p.state}>
      <canvas ref={canvas} role="img" aria-label={p.label ?? word('qr')} />
    </div>
  )
}
