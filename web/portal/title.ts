// The tab's title: what the page is, and before it what just happened, so that
// someone in another tab sees it.
import { useEffect } from 'preact/hooks'

let page = ''
let news = ''

function draw(): void {
  document.title = [news, page, 'certlink'].filter(Boolean).join(' – ')
}

export function usePageTitle(title: string): void {
  useEffect(() => {
    page = title
    draw()
  }, [title])
}

export function useNews(text: string): void {
  useEffect(() => {
    news = text
    draw()
    return () => {
      news = ''
      draw()
    }
  }, [text])
}
