// DER (X.690), as much of it as a certificate request and a certificate need.
import { concat, utf8, type Bytes } from './bytes'

export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

export function tlv(tag: number, ...content: Uint8Array[]): Bytes {
  const body = concat(...content)
  const length: number[] = []
  if (body.length < 0x80) length.push(body.length)
  else {
    for (let n = body.length; n > 0; n >>>= 8) length.unshift(n & 0xff)
    length.unshift(0x80 | length.length)
  }
  return concat(Uint8Array.of(tag, ...length), body)
}

export const sequence = (...content: Uint8Array[]) => tlv(Tag.sequence, ...content)
export const set = (...content: Uint8Array[]) => tlv(Tag.set, ...content)
export const bitString = (bits: Uint8Array) => tlv(Tag.bitString, Uint8Array.of(0), bits)
export const utf8String = (text: string) => tlv(Tag.utf8String, utf8(text))

// integer takes an unsigned number, big end first.
export function integer(unsigned: Uint8Array): Bytes {
  let i = 0
  while (i < unsigned.length - 1 && unsigned[i] === 0) i++
  const digits = unsigned.subarray(i)
  return (digits[0] ?? 0) & 0x80 ? tlv(Tag.integer, Uint8Array.of(0), digits) : tlv(Tag.integer, digits.length ? digits : Uint8Array.of(0))
}

export function oid(dotted: string): Bytes {
  const [a, b, ...rest] = dotted.split('.').map(Number)
  const out: number[] = []
  for (let n of [a! * 40 + b!, ...rest]) {
    const groups = [n % 128]
    for (n = Math.floor(n / 128); n > 0; n = Math.floor(n / 128)) groups.unshift((n % 128) | 0x80)
    out.push(...groups)
  }
  return tlv(Tag.oid, Uint8Array.from(out))
}

export interface Node {
  tag: number
  body: Bytes
  raw: Bytes // tag and length too
}

// Reader walks over DER that came from outside: every length is checked, and
// only the shortest way to write a length is taken.
export class Reader {
  private at = 0
  constructor(private readonly bytes: Bytes) {}

  get done(): boolean {
    return this.at >= this.bytes.length
  }

  peek(): number | undefined {
    return this.bytes[this.at]
  }

  next(tag?: number): Node {
    const start = this.at
    const got = this.byte()
    if ((got & 0x1f) === 0x1f) throw new Error('DER: tags above 30 are not read')
    if (tag !== undefined && got !== tag) throw new Error(`DER: tag ${got} where ${tag} belongs`)
    let length = this.byte()
    if (length & 0x80) {
      const count = length & 0x7f
      if (count === 0 || count > 3) throw new Error('DER: a length that is not read')
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + this.byte()
      if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw new Error('DER: a length is not the shortest')
    }
    if (this.at + length > this.bytes.length) throw new Error('DER: cut short')
    const body = this.bytes.subarray(this.at, this.at + length)
    this.at += length
    return { tag: got, body, raw: this.bytes.subarray(start, this.at) }
  }

  enter(tag: number = Tag.sequence): Reader {
    return new Reader(this.next(tag).body)
  }

  end(): void {
    if (!this.done) throw new Error('DER: something after the end')
  }

  private byte(): number {
    const b = this.bytes[this.at++]
    if (b === undefined) throw new Error('DER: cut short')
    return b
  }
}

export function readOid(body: Uint8Array): string {
  const parts: number[] = []
  let n = 0
  for (const b of body) {
    n = n * 128 + (b & 0x7f)
    if (n > Number.MAX_SAFE_INTEGER) throw new Error('DER: an identifier too large')
    if (!(b & 0x80)) {
      parts.push(n)
      n = 0
    }
  }
  const [first = 0, ...rest] = parts
  const a = Math.min(2, Math.floor(first / 40))
  return [a, first - 40 * a, ...rest].join('.')
}

export function readString(node: Node): string {
  switch (node.tag) {
    case Tag.utf8String:
      return new TextDecoder('utf-8', { fatal: true }).decode(node.body)
    case Tag.bmpString:
      return new TextDecoder('utf-16be', { fatal: true }).decode(node.body)
    case Tag.printableString:
    case Tag.ia5String:
    case Tag.t61String:
      return new TextDecoder('latin1').decode(node.body)
  }
  throw new Error(`DER: tag ${node.tag} is no string that is read here`)
}

// readTime gives milliseconds since 1970. RFC 5280 §4.1.2.5: seconds are there,
// the zone is Z, and a UTCTime's year is between 1950 and 2049.
export function readTime(node: Node): number {
  const text = new TextDecoder('latin1').decode(node.body)
  const m = /^(\d{2,4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (!m || m[1]!.length !== (node.tag === Tag.utcTime ? 2 : 4)) throw new Error('DER: not a time')
  let year = Number(m[1])
  if (node.tag === Tag.utcTime) year += year < 50 ? 2000 : 1900
  const at = Date.UTC(year, Number(m[2]) - 1, Number(m[3]), Number(m[4]), Number(m[5]), Number(m[6]))
  return at
}
