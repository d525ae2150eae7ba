// The camera: asked for only when a person wants to scan, and let go as soon as
// the page is left or hidden.
import { Decoder } from './decoder'

export type CameraState =
  | 'off'
  | 'starting'
  | 'live'
  | 'refused' // by the person or the browser's settings
  | 'absent'
  | 'busy' // another app has it
  | 'insecure' // the page came over plain HTTP

interface TorchCapabilities extends MediaTrackCapabilities {
  torch?: boolean
}

export class Camera {
  state: CameraState = 'off'
  torch: 'none' | 'off' | 'on' = 'none'
  readonly decoder = new Decoder()
  private stream: MediaStream | undefined
  private run = 0

  constructor(
    private readonly changed: () => void,
    private readonly found: (text: string) => void,
  ) {}

  async start(video: HTMLVideoElement): Promise<void> {
    if (this.state === 'starting' || this.state === 'live') return
    if (!globalThis.isSecureContext) return this.to('insecure')
    if (!navigator.mediaDevices?.getUserMedia) return this.to('absent')
    const mine = ++this.run
    this.to('starting')
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: { ideal: 'environment' }, width: { ideal: 1280 }, height: { ideal: 1280 } },
      })
      if (mine !== this.run) return stream.getTracks().forEach((t) => t.stop())
      this.stream = stream
      video.srcObject = stream
      await video.play()
    } catch (e) {
      if (mine !== this.run) return
      this.release()
      return this.to(stateOf(e))
    }
    const track = this.stream.getVideoTracks()[0]
    this.torch = (track?.getCapabilities?.() as TorchCapabilities | undefined)?.torch ? 'off' : 'none'
    // The cable was pulled, or another app took the camera over.
    track?.addEventListener('ended', () => mine === this.run && this.stop())
    this.to('live')
    void this.look(video, mine)
  }

  stop(): void {
    this.run++
    this.release()
    this.to('off')
  }

  close(): void {
    this.run++
    this.release()
    this.decoder.close()
  }

  async light(on: boolean): Promise<void> {
    const track = this.stream?.getVideoTracks()[0]
    try {
      await track?.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] })
      this.torch = on ? 'on' : 'off'
    } catch {
      this.torch = 'none'
    }
    this.changed()
  }

  // look reads one frame after another, never two at once: a slow phone scans
  // less often, and does not fall behind.
  private async look(video: HTMLVideoElement, mine: number): Promise<void> {
    while (mine === this.run) {
      const text = await this.decoder.read(video, 800).catch(() => undefined)
      if (mine !== this.run) return
      if (text) this.found(text)
      await new Promise((next) => setTimeout(next, 80))
    }
  }

  private release(): void {
    this.stream?.getTracks().forEach((t) => t.stop())
    this.stream = undefined
    this.torch = 'none'
  }

  private to(state: CameraState): void {
    this.state = state
    this.changed()
  }
}

function stateOf(e: unknown): CameraState {
  switch (e instanceof DOMException ? e.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused'
    case 'NotReadableError':
    case 'AbortError':
      return 'busy'
  }
  return 'absent'
}
