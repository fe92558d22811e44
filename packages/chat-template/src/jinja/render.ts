import { Environment } from '@huggingface/jinja'
import { ChatTemplateError } from '../errors'
import { type Segment, textOf } from '../segments'
import { Budget, charge, type Limits } from './budget'
import {
  constant,
  Evaluator,
  type FunctionValue,
  functionValue,
  isFunction,
  isString,
  itemsOf,
  type LibraryValue,
  type Node,
  type StringValue,
  sizeOf,
  stringValue,
  undefinedValue,
  type Value,
} from './library'
import type { Program } from './program'
import { Provenance } from './provenance'
import { strftime } from './strftime'

/** What a template is rendered with. */
export interface RenderInput {
  /** Texts that the template may use as its own, such as `bos_token`. */
  readonly tokens: Readonly<Record<string, string>>
  /** Plain data, such as `messages`: no text of theirs is special. */
  readonly variables: Readonly<Record<string, unknown>>
  /** A character that neither template nor data holds. */
  readonly mark: string
  /** The length of all texts of the data. */
  readonly length: number
  readonly now: Date
  readonly limits: Limits
}

/** What a template says when it refuses. */
class Raised extends Error {}

/**
 * Renders a template.
 *
 * @throws ChatTemplateError
 */
export const render = (program: Program, input: RenderInput): Segment[] => {
  try {
    return new Renderer(program, input).render()
  } catch (error) {
    if (error instanceof ChatTemplateError) throw error
    if (error instanceof Raised)
      throw new ChatTemplateError('raised', `the chat template refuses these messages: ${error.message}`, {
        cause: error,
      })
    if (error instanceof RangeError)
      throw new ChatTemplateError('limit', 'the chat template is nested too deep, or makes too long a text', {
        cause: error,
      })
    throw new ChatTemplateError('failed', `the chat template fails: ${(error as Error).message}`, { cause: error })
  }
}

const statements = new Set(['If', 'For', 'Set', 'Macro', 'Comment', 'Break', 'Continue'])

class Renderer extends Evaluator {
  readonly #budget: Budget
  readonly #provenance: Provenance
  /** Functions of the template's own, and methods of values. */
  readonly #macros = new WeakSet<Value>()
  readonly #methods = new WeakMap<Value, { readonly subject: Value; readonly name: string }>()

  constructor(
    private readonly program: Program,
    { tokens, variables, mark, length, now, limits }: RenderInput,
  ) {
    super(new Environment())
    const budget = new Budget(limits, length)
    this.#budget = budget
    this.#provenance = new Provenance(mark)
    const own = (name: string, value: unknown) => this.#provenance.own(this.global.set(name, value) as unknown as Value)
    for (const [name, value] of Object.entries({ true: true, True: true, false: false, False: false })) own(name, value)
    for (const name of ['none', 'None']) own(name, null)
    own('range', (...numbers: number[]) => budget.range(numbers[0], numbers[1], numbers[2]))
    own('strftime_now', (format: unknown) => strftime(now, String(format)))
    own('raise_exception', (message: unknown) => {
      throw new Raised(String(message).slice(0, 1_000))
    })
    for (const [name, text] of Object.entries(tokens)) own(name, text)
    for (const [name, value] of Object.entries(variables)) this.global.set(name, value)
  }

  render(): Segment[] {
    const output = this.#block(this.program.root, this.global)
    this.#budget.fits(textOf(output).length)
    return output
  }

  override evaluate(statement: unknown, environment: Environment): LibraryValue {
    if (statement === undefined) return undefinedValue() as unknown as LibraryValue
    const node = statement as Node
    this.#budget.enter()
    try {
      const value = this.#value(node, environment)
      if (isString(value)) this.#budget.fits(value.value.length)
      return (this.program.outputs.has(node) ? this.#output(node, value) : value) as unknown as LibraryValue
    } finally {
      this.#budget.leave()
    }
  }

  /** The output of a node of a block. */
  #output(node: Node, value: Value): Value {
    // Their value is the output of their own blocks, or nothing.
    if (statements.has(node.type)) return value
    const written = this.#written(value)
    if (written) return written
    this.#budget.emit(itemsOf(value) ? this.#budget.walk(value) : sizeOf(value))
    return this.#provenance.marked(value)
  }

  /** A number, a truth value or none as Jinja writes it, which is Python's way; undefined for other values. */
  #written(given: Value): StringValue | undefined {
    const { type, value } = given
    if (type === 'UndefinedValue') return this.#provenance.own(stringValue(''))
    if (type === 'NullValue') return this.#provenance.own(stringValue('None'))
    if (typeof value === 'boolean') return this.#provenance.own(stringValue(value ? 'True' : 'False'))
    if (typeof value === 'number') return this.#provenance.own(stringValue(given.toString()))
    return undefined
  }

  #value(node: Node, environment: Environment): Value {
    switch (node.type) {
      case 'Constant':
        return node.value as Value
      case 'StringLiteral':
        return this.#provenance.own(this.evaluateByLibrary(node, environment))
      case 'ArrayLiteral':
      case 'TupleLiteral':
        return this.#list(node, environment)
      case 'ObjectLiteral':
        return this.#object(node, environment)
      case 'MemberExpression':
        return this.#member(node, environment)
      case 'BinaryExpression':
        return this.#binary(node, environment)
      case 'TestExpression':
        return this.#test(node, environment)
      case 'FilterExpression':
        return this.#filter(node, environment)
      case 'CallExpression':
        return this.#call(node, environment)
      case 'For':
        return this.#for(node, environment)
      case 'Set':
        return this.#set(node, environment)
      case 'Macro':
        return this.#macro(node, environment)
      case 'CallStatement':
        return this.#callBlock(node, environment)
      case 'FilterStatement': {
        const operand = constant(this.#provenance.text(this.#block(node, environment)))
        return this.#filter({ type: 'FilterExpression', operand, filter: node.filter }, environment)
      }
      default:
        return this.evaluateByLibrary(node, environment)
    }
  }

  /** The output of the body of a node. */
  #block(node: Node, environment: Environment): Segment[] {
    const output = this.evaluateByLibrary({ type: 'Program', body: node.body }, environment).value as string
    this.#budget.work(output.length)
    const segments = this.#provenance.unmarked(output)
    this.#budget.step(segments.length)
    return segments
  }

  #evaluated(node: unknown, environment: Environment): Value {
    return this.evaluate(node, environment) as unknown as Value
  }

  /** The library's result. It is the template's own if all inputs are. */
  #made(node: Node, environment: Environment, from: readonly Value[]): Value {
    const value = this.evaluateByLibrary(node, environment)
    return from.every(part => this.#provenance.isOwn(part)) ? this.#provenance.own(value) : value
  }

  #list(node: Node, environment: Environment): Value {
    const items = (node.value as Node[]).map(item => this.#evaluated(item, environment))
    return this.#made({ type: node.type, value: items.map(constant) }, environment, items)
  }

  #object(node: Node, environment: Environment): Value {
    const entries = [...(node.value as Map<Node, Node>)].map(
      ([key, value]) => [this.#evaluated(key, environment), this.#evaluated(value, environment)] as const,
    )
    const value = new Map(entries.map(([key, item]) => [constant(key), constant(item)]))
    return this.#made({ type: node.type, value }, environment, entries.flat())
  }

  #member(node: Node, environment: Environment): Value {
    const subject = this.#evaluated(node.object, environment)
    const given: Node = { ...node, object: constant(subject) }
    const property = node.property as Node
    if (node.computed !== true) return this.#read(given, environment, subject, String(property.value))
    if (property.type === 'SliceExpression') {
      charge(this.#budget, 'slice', [subject])
      return this.#made(given, environment, [subject])
    }
    const key = this.#evaluated(property, environment)
    return this.#read({ ...given, property: constant(key) }, environment, subject, String(key.value))
  }

  /** A member of a value. For a method, the value that it works on is stored, under any name of the method. */
  #read(node: Node, environment: Environment, subject: Value, name: string): Value {
    const value = this.#made(node, environment, [subject])
    if (isFunction(value) && !this.#macros.has(value))
      this.#methods.set(value, this.#methods.get(value) ?? { subject, name })
    return value
  }

  #binary(node: Node, environment: Environment): Value {
    const operator = (node.operator as { readonly value: string }).value
    if (operator === 'and' || operator === 'or') return this.evaluateByLibrary(node, environment)
    const operands = [this.#evaluated(node.left, environment), this.#evaluated(node.right, environment)]
    charge(this.#budget, operator, operands)
    const joins = operator === '~' || (operator === '+' && operands.some(isString))
    const texts = operands.flatMap(value => (isString(value) ? value : (this.#written(value) ?? [])))
    if (joins && texts.length === operands.length) {
      this.#budget.step(texts.reduce((sum, text) => sum + this.#provenance.segments(text).length, 0))
      return this.#provenance.concatenated(texts)
    }
    const [left, right] = operands.map(constant)
    return this.#made({ ...node, left, right }, environment, operands)
  }

  #test(node: Node, environment: Environment): Value {
    const operand = this.#evaluated(node.operand, environment)
    this.#budget.work(sizeOf(operand))
    return this.evaluateByLibrary({ ...node, operand: constant(operand) }, environment)
  }

  #filter(node: Node, environment: Environment): Value {
    const subject = this.#evaluated(node.operand, environment)
    const filter = node.filter as Node
    const name = String(((filter.callee as Node | undefined) ?? filter).value)
    if (filter.type === 'Identifier') {
      charge(this.#budget, name, [subject])
      if (name === 'trim' && isString(subject)) return this.#provenance.trimmed(subject)
      return this.#made({ ...node, operand: constant(subject) }, environment, [subject])
    }
    const { args, values } = this.#arguments(filter.args as Node[], environment)
    charge(this.#budget, name, [subject, ...values])
    const call = { ...filter, args }
    return this.#made({ ...node, operand: constant(subject), filter: call }, environment, [subject, ...values])
  }

  #call(node: Node, environment: Environment): Value {
    const { args, values } = this.#arguments(node.args as Node[], environment)
    const call = this.#evaluated(node.callee, environment)
    const { subject, name } = this.#methods.get(call) ?? { name: 'call' }
    if (subject && isString(subject) && ['strip', 'lstrip', 'rstrip'].includes(name) && values.every(isString)) {
      this.#budget.work(subject.value.length)
      return this.#provenance.trimmed(subject, name !== 'rstrip', name !== 'lstrip', values[0]?.value)
    }
    const operands = subject ? [subject, ...values] : values
    charge(this.#budget, name, operands)
    const called = { ...node, callee: constant(call), args }
    if (!this.#macros.has(call)) return this.#made(called, environment, [call, ...operands])
    const output = this.evaluateByLibrary(called, environment)
    return isString(output) ? this.#provenance.text(this.#provenance.unmarked(output.value)) : output
  }

  /** Arguments, evaluated once: their values, and nodes for them. */
  #arguments(nodes: readonly Node[], environment: Environment): { args: Node[]; values: Value[] } {
    const values: Value[] = []
    const evaluated = (node: unknown): Node => {
      const value = this.#evaluated(node, environment)
      values.push(value)
      return constant(value)
    }
    const args = nodes.map(node => {
      if (node.type === 'KeywordArgumentExpression') return { ...node, value: evaluated(node.value) }
      if (node.type === 'SpreadExpression' || node.type === 'KeywordSpreadExpression')
        return { ...node, argument: evaluated(node.argument) }
      const argument = evaluated(node)
      // Some filters take literals only.
      return node.type === 'StringLiteral' ? node : argument
    })
    return { args, values }
  }

  #for(node: Node, environment: Environment): Value {
    const iterable = node.iterable as Node
    const isSelect = iterable.type === 'SelectExpression'
    const items = this.#evaluated(isSelect ? iterable.lhs : iterable, environment)
    this.#budget.step(8 * sizeOf(items))
    const given = isSelect ? { ...iterable, lhs: constant(items) } : constant(items)
    return this.evaluateByLibrary({ ...node, iterable: given }, environment)
  }

  #set(node: Node, environment: Environment): Value {
    if (node.value) return this.evaluateByLibrary(node, environment)
    const value = constant(this.#provenance.text(this.#block(node, environment)))
    return this.evaluateByLibrary({ ...node, value }, environment)
  }

  #macro(node: Node, environment: Environment): Value {
    this.#budget.step(this.program.sizes.get(node) ?? 1)
    const result = this.evaluateByLibrary(node, environment)
    const name = (node.name as { readonly value: string }).value
    this.#macros.add(environment.lookupVariable(name) as Value)
    return result
  }

  /** `{% call macro() %}…{% endcall %}`: the macro runs with the block as the macro `caller`. */
  #callBlock(node: Node, environment: Environment): Value {
    this.#budget.step(this.program.sizes.get(node) ?? 1)
    const holder = new Environment(environment)
    const name = { value: 'caller' }
    this.evaluateByLibrary({ type: 'Macro', name, args: node.callerArgs ?? [], body: node.body }, holder)
    const block = holder.lookupVariable('caller') as unknown as FunctionValue
    // A macro sees the variables of its call; the block sees the variables around it.
    const caller = functionValue(args => block.value(args, environment))
    this.#macros.add(caller)
    const scope = new Environment(environment)
    scope.setVariable('caller', caller as never)
    return this.#evaluated(node.call, scope)
  }
}
