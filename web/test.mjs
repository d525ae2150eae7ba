// Runs every *.test.ts with node's own test runner, after esbuild has turned
// each into one file. Arguments narrow the run: node test.mjs shared/format
import { build } from 'esbuild'
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const out = join(root, 'node_modules/.tests')
const wanted = process.argv.slice(2)

const found = []
for (const folder of ['shared', 'portal', 'phone', 'widget']) {
  if (!existsSync(join(root, folder))) continue
  for (const name of await readdir(join(root, folder), { recursive: true })) {
    const path = join(folder, name)
    if (/\.test\.tsx?$/.test(path) && (wanted.length === 0 || wanted.some((w) => path.includes(w)))) found.push(path)
  }
}
if (found.length === 0) {
  console.error('no tests match', wanted.join(' '))
  process.exit(1)
}

// Narrowed runs get a folder of their own, so that two at a time do not meet.
const to = join(out, String(process.pid))
await build({
  absWorkingDir: root,
  entryPoints: found,
  outdir: to,
  outbase: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  outExtension: { '.js': '.mjs' },
  jsx: 'automatic',
  jsxImportSource: 'preact',
  sourcemap: 'inline',
  logLevel: 'warning',
  banner: { js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);" },
})
const files = found.map((f) => join(to, f.replace(/\.tsx?$/, '.mjs')))
const run = spawn(process.execPath, ['--enable-source-maps', '--test', '--test-reporter=spec', ...files.map((f) => relative(root, f))], { cwd: root, stdio: 'inherit' })
run.on('exit', async (code) => {
  await rm(to, { recursive: true, force: true })
  process.exit(code ?? 1)
})
