import { Environment, Interpreter } from '@huggingface/jinja'

/**
 * The parts of `@huggingface/jinja` that are used beyond its declared interface. Its version is pinned: values and nodes are distinguished
 * by their `type`, and `evaluate` is called for every node of a template.
 */

/** A value of a template at run time. */
export interface Value {
  readonly type: string
  readonly value: unknown
  toString(): string
}

export interface StringValue extends Value {
  readonly type: 'StringValue'
  readonly value: string
}

export interface FunctionValue extends Value {
  readonly type: 'FunctionValue'
  readonly value: (args: Value[], scope: Environment) => Value
}

/** A node of a parsed template. */
export interface Node {
  readonly type: string
  readonly [member: string]: unknown
}

type LibraryNode = Parameters<Interpreter['evaluate']>[0]
export type LibraryValue = ReturnType<Interpreter['evaluate']>

/** The library's interpreter, whose `evaluate` can be overridden. */
export abstract class Evaluator extends Interpreter {
  /** The library's own evaluation of a node; it calls `evaluate` for the nodes in it. */
  protected evaluateByLibrary(node: Node, environment: Environment): Value {
    return super.evaluate(node as unknown as LibraryNode, environment) as unknown as Value
  }

  abstract override evaluate(node: LibraryNode, environment: Environment): LibraryValue
}

const sample = (value: unknown): { constructor: unknown } =>
  new Environment().set('sample', value) as unknown as { constructor: unknown }

// The library does not export its values, but their constructors are reachable.
const StringConstructor = sample('').constructor as new (text: string) => StringValue
const FunctionConstructor = sample(() => '').constructor as new (call: FunctionValue['value']) => FunctionValue
const UndefinedConstructor = sample(undefined).constructor as new () => Value

export const stringValue = (text: string): StringValue => new StringConstructor(text)
export const functionValue = (call: FunctionValue['value']): FunctionValue => new FunctionConstructor(call)
export const undefinedValue = (): Value => new UndefinedConstructor()

export const isString = (value: Value): value is StringValue => value.type === 'StringValue'
export const isFunction = (value: Value): value is FunctionValue => value.type === 'FunctionValue'

/** The items of a container, or undefined for another value. */
export const itemsOf = (value: Value): readonly Value[] | undefined => {
  if (Array.isArray(value.value)) return value.value as Value[]
  if (value.value instanceof Map) return [...(value.value as Map<string, Value>).values()]
  return undefined
}

/** How many items a container holds, or characters a text; 0 for other values. */
export const sizeOf = (value: Value): number => {
  if (typeof value.value === 'string' || Array.isArray(value.value)) return value.value.length
  return value.value instanceof Map ? value.value.size : 0
}

/** A node that stands for a value. */
export const constant = (value: Value): Node => ({ type: 'Constant', value })
