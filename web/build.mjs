// Builds web/dist, which package web embeds: one folder per app, scripts and
// styles named by their content so that they can be cached for ever, pages
// that hold no inline script or style (the server's policy forbids both).
import { build } from 'esbuild'
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { docs } from './docs/build.mjs'

const root = dirname(fileURLToPath(import.meta.url))

// node build.mjs [--out FOLDER] [portal phone widget docs]: all, into dist,
// when nothing is named.
const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true })
const dist = values.out ? resolve(values.out) : join(root, 'dist')
const wanted = (name) => positionals.length === 0 || positionals.includes(name)

export const options = {
  bundle: true,
  format: 'esm',
  target: ['es2022', 'chrome105', 'firefox110', 'safari16'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  charset: 'utf8',
  legalComments: 'none',
  sourcemap: false,
  logLevel: 'warning',
  metafile: true,
  loader: { '.svg': 'file', '.png': 'file' },
}

// A page's template names its script and style by the names they have before
// the build; here they get the names they have after it.
async function app(name) {
  const from = join(root, name)
  const to = join(dist, name)
  const entries = ['main.tsx', 'main.css'].map((f) => join(from, f)).filter(existsSync)
  const result = await build({ ...options, entryPoints: entries, outdir: to, entryNames: '[name]-[hash]', assetNames: '[name]-[hash]' })
  let html = await readFile(join(from, 'index.html'), 'utf8')
  for (const [out, meta] of Object.entries(result.metafile.outputs)) {
    if (meta.entryPoint) html = html.replaceAll(`{{${basename(meta.entryPoint)}}}`, basename(out))
  }
  if (html.includes('{{')) throw new Error(`${name}/index.html names a file that the build did not make`)
  await writeFile(join(to, 'index.html'), html)
  if (existsSync(join(from, 'static'))) await cp(join(from, 'static'), to, { recursive: true })
  // An app with parts of its own (workers, icons) builds them in its folder.
  const own = join(from, 'build.mjs')
  if (existsSync(own)) await (await import(pathToFileURL(own).href)).default({ build, options, from, to, root })
  return to
}

async function widget() {
  const to = join(dist, 'widget')
  await build({ ...options, format: 'iife', entryPoints: [join(root, 'widget/certlink.ts')], outfile: join(to, 'certlink.js') })
  return to
}

async function size(folder) {
  let files = 0
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    files++
    bytes += (await readFile(join(entry.parentPath ?? entry.path, entry.name))).length
  }
  return `${relative(root, folder)}: ${files} files, ${Math.round(bytes / 1024)} KiB`
}

// The folder itself stays, and .gitkeep in it, or the Go package would not
// compile on a clone that has not built the pages yet.
await mkdir(dist, { recursive: true })
for (const old of await readdir(dist)) {
  if (old !== '.gitkeep' && wanted(old)) await rm(join(dist, old), { recursive: true, force: true })
}

const made = []
for (const name of ['portal', 'phone']) {
  if (wanted(name) && existsSync(join(root, name, 'index.html'))) made.push(await app(name))
}
if (wanted('widget') && existsSync(join(root, 'widget/certlink.ts'))) made.push(await widget())
if (wanted('docs')) made.push(await docs({ root, dist }))
for (const folder of made) console.log(await size(folder))
