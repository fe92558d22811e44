import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface SliderProps {
  readonly label: string
  readonly value: number
  readonly min: number
  readonly max: number
  readonly step?: number
  /** The value in words, beside the label and for screen readers. */
  readonly shown?: string
  readonly hint?: string
  readonly disabled?: boolean
  readonly onInput: (value: number) => void
}

export const Slider = ({ label, value, min, max, step = 1, shown, hint, disabled = false, onInput }: SliderProps) => {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <output for={id}>{shown ?? value}</output>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        disabled={disabled}
        aria-valuetext={shown}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={event => onInput(event.currentTarget.valueAsNumber)}
      />
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

interface ChoiceProps<Value extends string | number> {
  readonly label: string
  readonly value: Value
  readonly options: readonly { readonly value: Value; readonly name: string; readonly disabled?: boolean }[]
  readonly hideLabel?: boolean
  readonly onChange: (value: Value) => void
}

/** A few choices side by side. */
export const Segments = <Value extends string | number>({
  label,
  value,
  options,
  hideLabel = false,
  onChange,
}: ChoiceProps<Value>) => {
  const name = useId()
  return (
    <fieldset class="segments">
      <legend class={hideLabel ? 'only-read' : undefined}>{label}</legend>
      <div>
        {options.map(option => (
          <label key={option.value}>
            <input
              type="radio"
              name={name}
              checked={option.value === value}
              disabled={option.disabled ?? false}
              onChange={() => onChange(option.value)}
            />
            <span>{option.name}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}

/** A part of a view, with its heading. */
export const Card = ({ title, lead, children }: { title: string; lead?: string; children: ComponentChildren }) => {
  const id = useId()
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {lead && <p class="lead">{lead}</p>}
      {children}
    </section>
  )
}
