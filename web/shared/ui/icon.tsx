// Line icons on a 24 grid, drawn for this product; they take the text's colour
// and never carry meaning alone.
const paths = {
  menu: 'M4 6h16M4 12h16M4 18h16',
  office: 'M4 21V5l8-2v18M12 9l8 2v10M3 21h18M7.5 8h1.5M7.5 12h1.5M7.5 16h1.5M15 14h2M15 17.5h2',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  info: 'M12 11v6M12 7.2v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
  warn: 'M12 9v5M12 17.2v.1M10.3 4.3L2.6 17.6A2 2 0 0 0 4.3 20.6h15.4a2 2 0 0 0 1.7-3L13.7 4.3a2 2 0 0 0-3.4 0z',
  stop: 'M12 8v5M12 16.2v.1M8 3h8l5 5v8l-5 5H8l-5-5V8z',
  phone: 'M7 2.5h10a1.5 1.5 0 0 1 1.5 1.5v16a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.5 20V4A1.5 1.5 0 0 1 7 2.5zM10.5 18.5h3',
  usb: 'M8 9V3h8v6M6 9h12v7a5 5 0 0 1-5 5h-2a5 5 0 0 1-5-5zM10.5 6v.1M13.5 6v.1',
  link: 'M9.5 14.5l5-5M8 11l-2.5 2.5a3.5 3.5 0 0 0 5 5L13 16M16 13l2.5-2.5a3.5 3.5 0 0 0-5-5L11 8',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5',
  download: 'M12 4v11M7.5 11l4.5 4.5L16.5 11M5 20h14',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5',
  certificate: 'M4 4h16v11h-5M4 4v11h5M8 8h8M8 11h4M12 19a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM10.3 18.5V22l1.7-1 1.7 1v-3.5',
  offline: 'M3 3l18 18M8.5 15.5a5 5 0 0 1 5-1.3M5 12a10 10 0 0 1 4-2.5M2 8.5A15 15 0 0 1 6 6M12 19v.1M12.5 9a10 10 0 0 1 6.5 3M11 5a15 15 0 0 1 11 3.5',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  chevron: 'M9 6l6 6-6 6',
  down: 'M6 9l6 6 6-6',
  clock: 'M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
  scan: 'M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3M4 12h16',
  inbox: 'M4 13l2.5-8h11L20 13v6H4zM4 13h4.5l1.5 2.5h4l1.5-2.5H20',
  history: 'M4 12a8 8 0 1 1 2.5 5.8M4 12V7M4 12h4.5M12 8v4.5l3 1.5',
  torch: 'M8 3h8l-1.5 6v12h-5V9zM12 13v2',
  image: 'M4 5h16v14H4zM4 16l4.5-5 4 4.5 2.5-2.5 5 5M15 9.5v.1',
  keyboard: 'M3 6.5h18v11H3zM7 10v.1M10.5 10v.1M14 10v.1M17 10v.1M8 14h8',
  more: 'M6 12v.1M12 12v.1M18 12v.1',
  erase: 'M9 6h11v12H9l-6-6zM12.5 9.5l5 5M17.5 9.5l-5 5',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, class: cls }: { name: IconName; class?: string }) {
  return (
    <svg class={cls ? `icon ${cls}` : 'icon'} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}
