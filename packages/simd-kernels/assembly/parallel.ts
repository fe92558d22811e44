// All threads work on one memory. The caller publishes a job, an index range cut into chunks. The caller and the workers claim chunks
// until none is left, and the caller returns when the last chunk is complete. How a range is cut depends only on the shape, and a chunk's
// result only on the chunk, so results are the same bits for every number of threads.
//
// Each thread starts with its own range of neighbouring chunks, so that it reads memory as one stream: starting a stream costs
// as much as a large part of a chunk. A thread that finishes its range takes chunks from other threads. So the caller does not wait for a worker that comes
// late or not at all. It waits only for claimed chunks.

/** Throws in the caller: a claimed chunk was not completed in time, so its worker is gone. */
declare function workerLost(): void
/** Milliseconds on a steady clock. */
declare function now(): f64
/** Gives this thread's engine at least this much scratch memory, and stores it in the control block. */
declare function growScratch(sharedBytes: usize, privateBytes: usize): void

// The control block. Words that different threads write are on different cache lines.
const JOB: usize = 0 // number of the job, on which idle workers wait
const DONE: usize = 64 // chunks that have ended
const SLEEPERS: usize = 128 // workers that wait
const CALLER_WAITS: usize = 132
const BODY: usize = 192 // function table index of the job's body
const COUNT: usize = 196
const GRAIN: usize = 200
const CHUNKS: usize = 204
const SHARED: usize = 208 // scratch memory: where, how much; one part for all, and one for each thread
const SHARED_BYTES: usize = 212
const PRIVATE: usize = 216
const PRIVATE_BYTES: usize = 220
const ARGUMENTS: usize = 256
const STRETCHES: usize = 512 // for each thread, on its own cache line:
const STRETCH_BYTES: usize = 64
const LEFT: usize = 0 // chunks that are not claimed; each claim that finds none makes it more negative
const END: usize = 4 // the chunk after its last

/** Polls before a worker sleeps: about 50 µs, longer than the pause between two kernels of a forward pass. */
const WORKER_SPINS: i32 = 20_000
/** Polls before the caller sleeps. */
const CALLER_SPINS: i32 = 20_000
/**
 * A worker that does not finish a chunk within this time (ms) is gone. A chunk takes a few milliseconds at most, but a busy system may not
 * run a thread of low priority for more than a second.
 */
const WORKER_TIMEOUT: f64 = 10_000
const CHECK_INTERVAL: i64 = 20_000_000 // ns between two checks of the clock
/** Time (ms) between two checks that counts at most: a longer time means that the system did not run the caller. */
const LONGEST_PAUSE: f64 = 50

let control: usize = 0
let thread: usize = 0
let threads: i32 = 1
let mayWait: bool = false

/** Bytes of a control block for `count` threads. It must be zero at first. */
export function controlBytes(count: i32): usize {
  return STRETCHES + <usize>count * STRETCH_BYTES
}

/**
 * Binds this instance to a control block as one of `count` threads; the caller is thread 0.
 * `canWait`: whether this thread may block, which a page's main thread may not.
 */
export function attach(block: usize, index: i32, count: i32, canWait: bool): void {
  control = block
  thread = index
  threads = count
  mayWait = canWait
}

/** The address of an argument of the job: 4-byte words in the control block, which every thread reads. */
// @ts-ignore: decorator
@inline
export function argument(index: i32): usize {
  return control + ARGUMENTS + (<usize>index << 2)
}

// @ts-ignore: decorator
@inline
export function put<T>(index: i32, value: T): void {
  store<T>(argument(index), value)
}

// @ts-ignore: decorator
@inline
export function get<T>(index: i32): T {
  return load<T>(argument(index))
}

/** Scratch memory that all threads of a job share. */
export function sharedScratch(): usize {
  return load<usize>(control, SHARED)
}

/** Scratch memory of this thread alone. */
export function privateScratch(): usize {
  return load<usize>(control, PRIVATE) + thread * load<usize>(control, PRIVATE_BYTES)
}

/** Call this before a job that uses scratch memory. Its old content is lost. */
export function reserve(sharedBytes: usize, privateBytes: usize): void {
  const shared = load<usize>(control, SHARED_BYTES)
  const own = load<usize>(control, PRIVATE_BYTES)
  if (shared < sharedBytes || own < privateBytes) growScratch(max(shared, sharedBytes), max(own, privateBytes))
}

/** Stores the scratch memory that `growScratch` has allocated. `own`: for thread 0, then the others, `ownBytes` each. */
export function setScratch(shared: usize, sharedBytes: usize, own: usize, ownBytes: usize): void {
  store<usize>(control, shared, SHARED)
  store<usize>(control, sharedBytes, SHARED_BYTES)
  store<usize>(control, own, PRIVATE)
  store<usize>(control, ownBytes, PRIVATE_BYTES)
}

type Body = (begin: i32, end: i32) => void

/** Runs `body` over [0, count) in chunks of `grain`, on all threads. */
export function parallel(body: Body, count: i32, grain: i32): void {
  const chunks = (count + grain - 1) / grain
  if (threads == 1 || chunks <= 1) {
    body(0, count)
    return
  }
  store<i32>(control, body.index, BODY)
  store<i32>(control, count, COUNT)
  store<i32>(control, grain, GRAIN)
  store<i32>(control, chunks, CHUNKS)
  atomic.store<i32>(control, 0, DONE)
  let begin = 0
  for (let owner = 0; owner < threads; owner++) {
    const left = (chunks - begin) / (threads - owner)
    begin += left
    store<i32>(stretch(owner), begin, END)
    atomic.store<i32>(stretch(owner), left, LEFT)
  }
  atomic.add<i32>(control, 1, JOB)
  if (atomic.load<i32>(control, SLEEPERS) > 0) atomic.notify(control + JOB, min(chunks, threads) - 1)
  while (runChunk()) {}
  awaitChunks()
}

// @ts-ignore: decorator
@inline
function stretch(owner: i32): usize {
  return control + STRETCHES + <usize>owner * STRETCH_BYTES
}

/** Claims a chunk and runs it: from this thread's range, or from another thread's if that is finished. */
function runChunk(): bool {
  for (let i = 0; i < threads; i++) {
    const owner = (<i32>thread + i) % threads
    if (runChunkOf(owner)) return true
  }
  return false
}

/** A claimed chunk keeps its job alive, so the description of the job is read after the claim. */
function runChunkOf(owner: i32): bool {
  if (atomic.load<i32>(stretch(owner), LEFT) <= 0) return false
  const left = atomic.sub<i32>(stretch(owner), 1, LEFT)
  if (left <= 0) return false
  const chunks = load<i32>(control, CHUNKS)
  const grain = load<i32>(control, GRAIN)
  const begin = (load<i32>(stretch(owner), END) - left) * grain
  call_indirect<void>(load<i32>(control, BODY), begin, min(begin + grain, load<i32>(control, COUNT)))
  const done = atomic.add<i32>(control, 1, DONE) + 1
  if (done == chunks && atomic.load<i32>(control, CALLER_WAITS) != 0) atomic.notify(control + DONE, 1)
  return true
}

/**
 * Waits until the chunks that workers have claimed are complete too. Their number is read again: when the caller's copy was kept for this
 * loop, the baseline compiler of V8 11.3 (Node 20) lost it.
 */
function awaitChunks(): void {
  const chunks = load<i32>(control, CHUNKS)
  for (let spin = 0; spin < CALLER_SPINS; spin++) if (atomic.load<i32>(control, DONE) == chunks) return
  let seen = atomic.load<i32>(control, DONE)
  let silence: f64 = 0
  let last = now()
  while (seen != chunks) {
    if (mayWait) {
      atomic.store<i32>(control, 1, CALLER_WAITS)
      atomic.wait<i32>(control + DONE, seen, CHECK_INTERVAL)
      atomic.store<i32>(control, 0, CALLER_WAITS)
    }
    const time = now()
    const done = atomic.load<i32>(control, DONE)
    silence = done == seen ? silence + min(time - last, LONGEST_PAUSE) : 0
    if (silence > WORKER_TIMEOUT) workerLost()
    seen = done
    last = time
  }
}

/** The loop of a worker, until its thread is ended: it runs chunks while there are any, then polls, then sleeps. */
export function work(): void {
  let polls = 0
  while (true) {
    const job = atomic.load<i32>(control, JOB)
    if (runChunk()) polls = 0
    else if (++polls > WORKER_SPINS) {
      sleep(job)
      polls = 0
    }
  }
}

/** Waits for the next job after `job`. Returns at once if one was published in the meantime. */
function sleep(job: i32): void {
  atomic.add<i32>(control, 1, SLEEPERS)
  atomic.wait<i32>(control + JOB, job, -1)
  atomic.sub<i32>(control, 1, SLEEPERS)
}
