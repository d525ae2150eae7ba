// The tab's title: what the page is, and before it what just happened, so that
// someone in another tab sees it. Set together with the page, never a moment after it.
import { useLayoutEffect } from 'preact/hooks'

let page = ''
let news = ''

function draw(): void {
  document.title = [news, page, 'certlink'].filter(Boolean).join(' – ')
}

export function usePageTitle(title: string): void {
  useLayoutEffect(() => {
    page = title
    draw()
  }, [title])
}

export function useNews(text: string): void {
  useLayoutEffect(() => {
    news = text
    draw()
    return () => {
      news = ''
      draw()
    }
  }, [text])
}
