import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

// Every dictionary in the source is declared with both languages; the compiler
// sees to the keys. Left to check is what it cannot: that neither language has
// sentences of the other in it, and that both use the same values.
const root = process.cwd()
const sources = ['shared', 'portal', 'widget', 'phone'].flatMap((folder) => {
  try {
    return (readdirSync(join(root, folder), { recursive: true }) as string[])
      .filter((f) => /\.tsx?$/.test(f) && !f.includes('.test.'))
      .map((f) => join(folder, f))
  } catch {
    return []
  }
})

interface Found {
  file: string
  zh: Map<string, string>
  en: Map<string, string>
}

function entries(block: string): Map<string, string> {
  const found = new Map<string, string>()
  const pattern = /^\s*(?:'([^']+)'|([\w$]+)):\s*\n?\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`([^`]*)`)/gm
  for (const m of block.matchAll(pattern)) found.set(m[1] ?? m[2] ?? '', m[3] ?? m[4] ?? m[5] ?? '')
  return found
}

const dictionaries: Found[] = []
for (const file of sources) {
  const text = readFileSync(join(root, file), 'utf8')
  for (const m of text.matchAll(/= dictionary\(\n {2}\{\n([\s\S]*?)\n {2}\},\n {2}\{\n([\s\S]*?)\n {2}\},?\n\)/g)) {
    dictionaries.push({ file, zh: entries(m[1] ?? ''), en: entries(m[2] ?? '') })
  }
}

test('dictionaries are found', () => {
  assert.ok(dictionaries.length >= 1)
  const declared = sources.reduce((n, f) => n + [...readFileSync(join(root, f), 'utf8').matchAll(/= dictionary\(/g)].length, 0)
  assert.equal(dictionaries.length, declared, 'each is written in the form that this test can read')
})

for (const { file, zh, en } of dictionaries) {
  test(`both languages are complete: ${file}`, () => {
    assert.deepEqual([...en.keys()].sort(), [...zh.keys()].sort())
    assert.ok(zh.size > 0)
  })

  test(`the same values in both: ${file}`, () => {
    const names = (s: string) => [...new Set([...s.matchAll(/\{(\w+)/g)].map((m) => m[1]))].sort()
    for (const [key, sentence] of zh) assert.deepEqual(names(en.get(key) ?? ''), names(sentence), key)
  })

  test(`no sentence half in one and half in the other: ${file}`, () => {
    for (const [key, sentence] of en) {
      // The language switch and the choice of a language name the other one in its own script; so may quoted product names.
      if (/^(langName|switchLang|letters_zh-CN)$/.test(key)) continue
      assert.ok(!/[\u4e00-\u9fff\uff0c\u3002\uff1f]/.test(sentence.replace(/[“"(（][^”")）]*[”")）]/g, '')), `${key}: ${sentence}`)
      assert.ok(sentence.trim() !== '', key)
    }
    for (const [key, sentence] of zh) assert.ok(sentence.trim() !== '', key)
  })
}
