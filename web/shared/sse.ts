// Server-sent events, read from a fetch stream (HTML standard, 9.2.6). Unlike
// EventSource it shows a refusal's status and body, can send a header with a
// secret, and lets the caller notice a connection that has gone silent.
export interface ServerEvent {
  name: string
  data: string
  id: string
}

// The longest event that is believed; a page would not be sent more.
const longest = 1 << 20

export class EventParser {
  private buffer = ''
  private data: string[] = []
  private name = ''
  private id = ''
  private first = true

  // Gives the events that the text completes; comments and half lines give none.
  push(text: string): ServerEvent[] {
    if (this.first && text !== '') {
      this.first = false
      if (text.startsWith('\ufeff')) text = text.slice(1)
    }
    this.buffer += text
    if (this.buffer.length > longest) throw new Error('event too long')
    const events: ServerEvent[] = []
    for (;;) {
      const end = this.buffer.search(/[\r\n]/)
      if (end < 0) return events
      // A \r at the very end may be half of \r\n: wait for what follows.
      if (this.buffer[end] === '\r' && end === this.buffer.length - 1) return events
      const line = this.buffer.slice(0, end)
      const width = this.buffer.startsWith('\r\n', end) ? 2 : 1
      this.buffer = this.buffer.slice(end + width)
      const event = this.line(line)
      if (event) events.push(event)
    }
  }

  private line(line: string): ServerEvent | undefined {
    if (line === '') {
      const event = this.data.length > 0 ? { name: this.name || 'message', data: this.data.join('\n'), id: this.id } : undefined
      this.data = []
      this.name = ''
      return event
    }
    const colon = line.indexOf(':')
    if (colon === 0) return undefined
    const field = colon < 0 ? line : line.slice(0, colon)
    let value = colon < 0 ? '' : line.slice(colon + 1)
    if (value.startsWith(' ')) value = value.slice(1)
    if (field === 'data') this.data.push(value)
    else if (field === 'event') this.name = value
    else if (field === 'id' && !value.includes('\0')) this.id = value
    return undefined
  }
}
