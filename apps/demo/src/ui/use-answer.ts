import { useEffect, useState } from 'preact/hooks'
import { explain } from '../problems'
import { problem } from '../state'

/** What the engine answers to a question; the answer before stays until the next is there. */
export const useAnswer = <Answer>(ask: () => Promise<Answer>, dependsOn: readonly unknown[]): Answer | undefined => {
  const [answer, setAnswer] = useState<Answer>()
  useEffect(() => {
    let stale = false
    ask().then(
      given => {
        if (!stale) setAnswer(() => given)
      },
      error => {
        if (!stale) problem.value = explain(error)
      },
    )
    return () => {
      stale = true
    }
  }, dependsOn)
  return answer
}
