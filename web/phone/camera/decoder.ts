// Two ways to read a code: the browser's own where it has one, else a worker.
import type { Found, Job } from './decode.worker'

export type Picture = HTMLVideoElement | ImageBitmap

interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>
}

interface DetectorClass {
  new (options: { formats: string[] }): Detector
  getSupportedFormats(): Promise<string[]>
}

export class Decoder {
  private worker: Worker | undefined
  private detector: Detector | null | undefined // null: the browser has none
  private waiting = new Map<number, (text: string | undefined) => void>()
  private next = 0
  private canvas = document.createElement('canvas')

  // read looks for a code in a picture whose longer side is at most `across`.
  async read(picture: Picture, across: number, thorough = false): Promise<string | undefined> {
    const [w, h] = picture instanceof HTMLVideoElement ? [picture.videoWidth, picture.videoHeight] : [picture.width, picture.height]
    if (w === 0 || h === 0) return undefined
    const own = await this.own()
    if (own) {
      try {
        const found = await own.detect(picture)
        if (found[0] || !thorough) return found[0]?.rawValue
      } catch {
        // Some browsers name a detector that then fails: from now on the worker.
        this.detector = null
      }
    }
    const scale = Math.min(1, across / Math.max(w, h))
    const [width, height] = [Math.round(w * scale), Math.round(h * scale)]
    this.canvas.width = width
    this.canvas.height = height
    const c = this.canvas.getContext('2d', { willReadFrequently: true })
    if (!c) return undefined
    c.drawImage(picture, 0, 0, width, height)
    return this.ask(c.getImageData(0, 0, width, height), thorough)
  }

  // readFile tries a picture at several sizes: what is lost at one shows at another.
  async readFile(file: Blob): Promise<string | undefined> {
    const picture = await createImageBitmap(file)
    try {
      for (const across of [1200, 700, 2000, 400]) {
        const text = await this.read(picture, across, true)
        if (text) return text
      }
      return undefined
    } finally {
      picture.close()
    }
  }

  close(): void {
    this.worker?.terminate()
    this.worker = undefined
    for (const answer of this.waiting.values()) answer(undefined)
    this.waiting.clear()
  }

  private async own(): Promise<Detector | null> {
    if (this.detector === undefined) {
      const Class = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector
      try {
        this.detector = Class && (await Class.getSupportedFormats()).includes('qr_code') ? new Class({ formats: ['qr_code'] }) : null
      } catch {
        this.detector = null
      }
    }
    return this.detector
  }

  private ask(image: ImageData, thorough: boolean): Promise<string | undefined> {
    if (!this.worker) {
      this.worker = new Worker(new URL('decode.js', document.baseURI), { name: 'decode' })
      this.worker.onmessage = (e: MessageEvent<Found>) => {
        this.waiting.get(e.data.id)?.(e.data.text)
        this.waiting.delete(e.data.id)
      }
      // Not loaded (an update took it away, no network): nothing is found, and the
      // next picture starts a new one.
      this.worker.onerror = () => this.close()
    }
    const id = this.next++
    const pixels = image.data.buffer as ArrayBuffer
    const job: Job = { id, pixels, width: image.width, height: image.height, thorough }
    this.worker.postMessage(job, [pixels])
    return new Promise((answer) => this.waiting.set(id, answer))
  }
}
