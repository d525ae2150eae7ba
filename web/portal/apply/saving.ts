// What is typed goes to the server by itself, a moment after the last key; what
// has not got there yet is kept in the browser, too, so that neither a reload nor
// a lost network loses a letter.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { type Problem, asProblem } from '../../shared/problem'
import { readDraft, writeDraft } from '../draft'
import { call } from '../state'
import type { Application, FieldName, Form } from './model'

export type SavingState = 'saved' | 'typing' | 'saving' | 'failed' | 'conflict'

const pause = 700
const again = 5000

export interface Saving {
  form: Form
  edit: number
  state: SavingState
  problem: Problem | undefined
  type: (field: FieldName, value: string) => void
  // Sends what is still on its way; false if that did not work.
  flush: () => Promise<boolean>
  // After a conflict: mine over theirs, or theirs.
  keepMine: () => void
  takeTheirs: () => void
  // An answer to something else has told of a newer edit.
  moved: (x: Application) => void
}

export function useSaving(x: Application, onSaved: (x: Application) => void): Saving {
  const key = `application-${x.id}`
  const [typed, setTyped] = useState<Partial<Form>>(() => readDraft<Partial<Form>>(key) ?? {})
  const [base, setBase] = useState(x)
  const [state, setState] = useState<SavingState>(Object.keys(typed).length > 0 ? 'typing' : 'saved')
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const latest = useRef({ typed, base })
  latest.current = { typed, base }
  const running = useRef<Promise<boolean> | undefined>(undefined)

  const forget = useCallback(
    (sent: Partial<Form>) =>
      setTyped((now) => {
        const rest = Object.fromEntries(Object.entries(now).filter(([k, v]) => sent[k as FieldName] !== v))
        writeDraft(key, Object.keys(rest).length > 0 ? rest : undefined)
        latest.current.typed = rest
        return rest
      }),
    [key],
  )

  const save = useCallback(async (): Promise<boolean> => {
    if (running.current) await running.current
    const { typed: sending, base: on } = latest.current
    if (Object.keys(sending).length === 0) return true
    setState('saving')
    const once = (async () => {
      try {
        const now = await call<Application>('PUT', `/v1/applications/${x.id}/form`, { body: { edit: on.edit, ...sending } })
        latest.current.base = now
        setBase(now)
        setProblem(undefined)
        forget(sending)
        setState('saved')
        onSaved(now)
        return true
      } catch (e) {
        const p = asProblem(e)
        setProblem(p)
        setState(p.code === 'draft_changed' ? 'conflict' : 'failed')
        return false
      } finally {
        running.current = undefined
      }
    })()
    running.current = once
    return once
  }, [x.id, forget, onSaved])

  useEffect(() => {
    if (state !== 'typing' && !(state === 'failed' && problem?.passing)) return
    const timer = setTimeout(() => void save(), state === 'typing' ? pause : again)
    return () => clearTimeout(timer)
  }, [typed, state, problem, save])

  const newest = () => call<Application>('GET', `/v1/applications/${x.id}`)
  return {
    form: { ...base.form, ...typed },
    edit: base.edit,
    state,
    problem,
    type: (field, value) => {
      const next = { ...latest.current.typed, [field]: value }
      latest.current.typed = next
      writeDraft(key, next)
      setTyped(next)
      if (state !== 'conflict') setState('typing')
    },
    flush: save,
    keepMine: () =>
      void newest().then((now) => {
        latest.current.base = now
        setBase(now)
        void save()
      }, (e: unknown) => setProblem(asProblem(e))),
    takeTheirs: () =>
      void newest().then((now) => {
        writeDraft(key, undefined)
        latest.current = { typed: {}, base: now }
        setTyped({})
        setBase(now)
        setProblem(undefined)
        setState('saved')
        onSaved(now)
      }, (e: unknown) => setProblem(asProblem(e))),
    moved: (now) => {
      latest.current.base = now
      setBase(now)
    },
  }
}
