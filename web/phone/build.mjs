// What the phone app has besides its page: the decoder's worker, the icons,
// the manifest, and last the service worker, which must know all the others.
import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { icon } from './icons.mjs'

export default async function ({ build, options, from, to }) {
  const alone = { ...options, format: 'iife', metafile: false }
  await build({ ...alone, entryPoints: [join(from, 'camera/decode.worker.ts')], outfile: join(to, 'decode.js') })

  await mkdir(join(to, 'icons'), { recursive: true })
  for (const [name, size, shape] of [
    ['icon-192.png', 192, 'rounded'],
    ['icon-512.png', 512, 'rounded'],
    ['maskable-512.png', 512, 'full'],
    ['apple-touch-icon.png', 180, 'full'],
  ]) {
    await writeFile(join(to, 'icons', name), icon(size, shape))
  }

  // Files whose names say nothing of their content are fetched under its hash too,
  // so that a changed one makes a new version.
  const files = (await readdir(to, { recursive: true, withFileTypes: true }))
    .filter((e) => e.isFile() && e.name !== 'sw.js')
    .map((e) => join(e.parentPath ?? e.path, e.name))
    .sort()
  const sum = createHash('sha256')
  for (const file of files) sum.update(file.slice(to.length)).update(await readFile(file))
  const shell = files.map((f) => '/phone' + f.slice(to.length).replaceAll('\\', '/').replace(/\/index\.html$/, '/'))
  await build({
    ...alone,
    entryPoints: [join(from, 'sw.ts')],
    outfile: join(to, 'sw.js'),
    define: { SHELL: JSON.stringify(shell), VERSION: JSON.stringify(sum.digest('hex').slice(0, 12)) },
  })
}
