import { computed, effect, signal } from '@preact/signals'
import { engine } from '../../engine'
import { explain } from '../../problems'
import { panel } from '../../route'
import { problem } from '../../state'
import { inspection } from './state'

export const layer = signal(0)
export const head = signal(0)

/** Weights of the chosen layer by head, [T, T] each. */
export const heads = signal<readonly Float32Array[]>([])

/** Weights of the chosen head while the attention is looked at: the tokens show them too. */
export const weights = computed(() => (panel.value === 'attention' ? heads.value[head.value] : undefined))

effect(() => {
  const seen = inspection.value
  const at = layer.value
  heads.value = []
  if (!seen || panel.value !== 'attention') return
  engine.attention(at).then(
    given => {
      if (inspection.value === seen && layer.value === at) heads.value = given
    },
    error => {
      problem.value = explain(error)
    },
  )
})
