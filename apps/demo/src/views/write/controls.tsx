import { useEffect } from 'preact/hooks'
import { chooseDevice, chosenDevice, listDevices, writing } from '../../actions'
import type { Sampling } from '../../engine'
import { devices, model, sampling, seed } from '../../state'
import { Slider } from '../../ui/fields'

const change = (part: Partial<Sampling>) => {
  sampling.value = { ...sampling.value, ...part }
}

/** How the next token is chosen, and where the model runs. */
export const Controls = () => (
  <aside class="card controls" aria-label="Settings">
    <h2>How it chooses</h2>
    <Slider
      label="Temperature"
      value={sampling.value.temperature}
      min={0}
      max={2}
      step={0.05}
      shown={sampling.value.temperature === 0 ? '0, always the likeliest' : sampling.value.temperature.toFixed(2)}
      hint="Low is safe and repeats itself, high is bold and rambles."
      onInput={temperature => change({ temperature })}
    />
    <Slider
      label="Top-p"
      value={sampling.value.topP ?? 1}
      min={0.05}
      max={1}
      step={0.05}
      shown={(sampling.value.topP ?? 1).toFixed(2)}
      hint="Draws only from the likeliest tokens that have this share together."
      onInput={topP => change({ topP })}
    />
    <Slider
      label="Length"
      value={sampling.value.maxTokens}
      min={10}
      max={500}
      step={10}
      shown={`${sampling.value.maxTokens} tokens`}
      onInput={maxTokens => change({ maxTokens })}
    />
    <SeedField />
    <details>
      <summary>More</summary>
      <div class="more">
        <TopK />
        <Slider
          label="Min-p"
          value={sampling.value.minP ?? 0}
          min={0}
          max={0.5}
          step={0.01}
          shown={(sampling.value.minP ?? 0).toFixed(2)}
          hint="Drops tokens far less likely than the likeliest."
          onInput={minP => change({ minP })}
        />
        <Slider
          label="Repetition penalty"
          value={sampling.value.repetitionPenalty ?? 1}
          min={1}
          max={2}
          step={0.05}
          shown={(sampling.value.repetitionPenalty ?? 1).toFixed(2)}
          hint="Above 1, tokens that already stand in the text become less likely."
          onInput={repetitionPenalty => change({ repetitionPenalty })}
        />
      </div>
    </details>
    <DeviceField />
  </aside>
)

const topKChoices = [1, 2, 5, 10, 20, 40, 100]

const TopK = () => {
  const { topK } = sampling.value
  const index = topK === undefined ? topKChoices.length : topKChoices.indexOf(topK)
  return (
    <Slider
      label="Top-k"
      value={index}
      min={0}
      max={topKChoices.length}
      shown={topK === undefined ? 'all tokens' : String(topK)}
      hint="Draws only from this many of the likeliest tokens."
      onInput={at => {
        const { topK: _, ...others } = sampling.value
        sampling.value = at === topKChoices.length ? others : { ...others, topK: topKChoices[at] }
      }}
    />
  )
}

const SeedField = () => (
  <div class="field">
    <label for="seed">Seed</label>
    <input
      id="seed"
      type="number"
      min={0}
      step={1}
      inputMode="numeric"
      placeholder="a new one each time"
      value={seed.value ?? ''}
      aria-describedby="seed-hint"
      onInput={event => {
        const { value, valueAsNumber } = event.currentTarget
        seed.value =
          value !== '' && Number.isSafeInteger(valueAsNumber) && valueAsNumber >= 0 ? valueAsNumber : undefined
      }}
    />
    <p class="hint" id="seed-hint">
      The same seed and settings write the same text again.
    </p>
  </div>
)

const DeviceField = () => {
  // To try all devices takes the processor for a while: the first text comes first.
  useEffect(() => {
    if (model.value && !writing.value) void listDevices()
  }, [model.value, writing.value])
  const chosen = chosenDevice.value
  // `shape` counts and computes nothing.
  const known = devices.value.filter(({ name, available }) => available && name !== 'shape')
  const detail = known.find(({ name }) => name === chosen)
  return (
    <div class="field">
      <label for="device">Runs on</label>
      <select
        id="device"
        value={chosen}
        aria-describedby="device-hint"
        onFocus={() => void listDevices()}
        onChange={event => void chooseDevice(event.currentTarget.value)}
      >
        <option value="auto">The fastest that can run</option>
        {known.map(({ name, software }) => (
          <option key={name} value={name}>
            {software ? `${name} (imitated, slow)` : name}
          </option>
        ))}
      </select>
      <p class="hint" id="device-hint">
        {detail?.detail ?? 'WebGPU, WebGL or the processor: the best that this browser has.'}
      </p>
    </div>
  )
}
