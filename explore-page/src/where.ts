// Conditions such as `period < 1 and label == 'EW'` in a still copy, which has no server: the
// language and the arithmetic of skybind.data.where, on columns that are read when they are named.
import { shown } from "./dom";

export type Cell = number | bigint | string | boolean | null;
// What Arrow computes in: whole numbers, double precision (of single precision the decimals that are
// shown), text, truth.
type Kind = "int" | "double" | "text" | "truth";
export interface Stored { kind: Kind; values: Cell[] }
interface Part { kind: Kind; at: (row: number) => Cell }
interface Token { what: "number" | "text" | "column" | "sign"; text: string }

const TOKEN = /\s*(?:(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<text>'[^']*'|"[^"]*")|(?<sign><=|>=|==|!=|[-+*/()<>=,]|(?:and|or|not|in|is|null|true|false)\b)|`(?<quoted>[^`]+)`|(?<word>[A-Za-z_][A-Za-z0-9_]*))/iy;
const TESTS = ["<", "<=", ">", ">=", "==", "=", "!="];
const NUMBERS: Kind[] = ["int", "double"];

function tokens(text: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim()) {
    const from = TOKEN.lastIndex;
    const { number, text: quote, sign, quoted, word } = TOKEN.exec(text)?.groups ?? {};
    if (number) found.push({ what: "number", text: number });
    else if (quote) found.push({ what: "text", text: quote.slice(1, -1) });
    else if (sign) found.push({ what: "sign", text: sign.toLowerCase() });
    else if (quoted ?? word) found.push({ what: "column", text: (quoted ?? word)! });
    else throw new Error(`it cannot be read from '${shown(text.slice(from).trim().slice(0, 20))}' on`);
  }
  return found;
}

// Tell of each row whether it fulfils a condition; what is missing fulfils none.
export async function fulfilled(text: string, n: number, names: string[], read: (name: string) => Promise<Stored>): Promise<boolean[]> {
  try {
    const given = tokens(text);
    const used = given.filter(({ what }) => what === "column").map((token) => token.text);
    const missing = used.find((name) => !names.includes(name));
    if (missing !== undefined) throw new Error(`it names the column '${shown(missing)}', which this copy has not`);
    if (!used.length) throw new Error("it names no column");
    const stored = await Promise.all(used.map(async (name) => [name, await read(name)] as const));
    const parser = new Parser(given, new Map(stored));
    const whole = parser.whole();
    if (whole.kind !== "truth") throw new Error("it is a value: compare it, as in 'x > 1'");
    return Array.from({ length: n }, (_, row) => whole.at(row) === true);
  } catch (error) {
    throw new Error(`The condition '${shown(text.slice(0, 200))}' cannot be asked: ${(error as Error).message}.`);
  }
}

class Parser {
  private place = 0;
  private depth = 0;

  constructor(private given: Token[], private columns: Map<string, Stored>) {}

  whole(): Part {
    const made = this.or();
    if (this.place < this.given.length) throw new Error(`an operator, 'and' or 'or' is expected where '${shown(this.given[this.place]!.text)}' stands`);
    return made;
  }

  // Take a sign, if it is one of these.
  private sign(...signs: string[]): string | null {
    const next = this.given[this.place];
    if (next?.what !== "sign" || !signs.includes(next.text)) return null;
    this.place++;
    return next.text;
  }

  private need(sign: string): void {
    if (!this.sign(sign)) throw new Error(`'${sign}' is expected where ${this.seen()} stands`);
  }

  private seen(): string {
    const next = this.given[this.place];
    return next ? `'${shown(next.text)}'` : "its end";
  }

  private or(): Part {
    let left = this.and();
    while (this.sign("or")) left = joined(left, this.and(), true);
    return left;
  }

  private and(): Part {
    let left = this.not();
    while (this.sign("and")) left = joined(left, this.not(), false);
    return left;
  }

  private not(): Part {
    if (!this.sign("not")) return this.test();
    const inner = truth(this.deeper(() => this.not()));
    return { kind: "truth", at: (row) => { const value = inner.at(row); return value === null ? null : !value; } };
  }

  private test(): Part {
    const left = this.sum();
    const how = this.sign(...TESTS, "in", "is", "not");
    if (!how) return left;
    const made = how === "is" ? this.isNull(left) : how === "in" ? this.among(left, false) : how === "not" ? (this.need("in"), this.among(left, true)) : compared(left, this.sum(), how);
    if (this.sign(...TESTS, "in", "is")) throw new Error("two tests are joined by 'and' or 'or', as in 'a < b and b < c'");
    return made;
  }

  private isNull(part: Part): Part {
    const turned = !!this.sign("not");
    this.need("null");
    return { kind: "truth", at: (row) => (part.at(row) === null) !== turned };
  }

  private among(part: Part, turned: boolean): Part {
    this.need("(");
    const values: Part[] = [];
    do {
      const minus = this.sign("-");
      const value = this.value();
      values.push(minus ? negative(value) : value);
    } while (this.sign(","));
    this.need(")");
    const equal = values.map((value) => compared(part, value, "=="));
    return { kind: "truth", at: (row) => part.at(row) !== null && equal.some((one) => one.at(row) === true) !== turned };
  }

  private sum(): Part {
    let left = this.product();
    for (let sign = this.sign("+", "-"); sign; sign = this.sign("+", "-")) left = computed(left, this.product(), sign);
    return left;
  }

  private product(): Part {
    let left = this.signed();
    for (let sign = this.sign("*", "/"); sign; sign = this.sign("*", "/")) left = computed(left, this.signed(), sign);
    return left;
  }

  private signed(): Part {
    return this.sign("-") ? negative(this.deeper(() => this.signed())) : this.operand();
  }

  private operand(): Part {
    if (this.sign("(")) {
      const inner = this.deeper(() => this.or());
      this.need(")");
      return inner;
    }
    const next = this.given[this.place];
    if (next?.what !== "column") return this.value();
    this.place++;
    const { kind, values } = this.columns.get(next.text)!;
    return { kind, at: (row) => values[row] ?? null };
  }

  private value(): Part {
    const word = this.sign("true", "false");
    if (word) return { kind: "truth", at: () => word === "true" };
    const next = this.given[this.place];
    if (next?.what !== "number" && next?.what !== "text") throw new Error(`a column, a number or a text in quotes is expected where ${this.seen()} stands`);
    this.place++;
    if (next.what === "text") return { kind: "text", at: () => next.text };
    const whole = /^\d+$/.test(next.text);
    const value = whole && !Number.isSafeInteger(Number(next.text)) ? BigInt(next.text) : Number(next.text);
    return { kind: whole ? "int" : "double", at: () => value };
  }

  private deeper(what: () => Part): Part {
    if (++this.depth > 100) throw new Error("it is nested too deeply");
    const made = what();
    this.depth--;
    return made;
  }
}

function truth(part: Part): Part {
  if (part.kind !== "truth") throw new Error("'and', 'or' and 'not' join tests, such as 'x > 1'");
  return part;
}

function joined(one: Part, other: Part, either: boolean): Part {
  const [left, right] = [truth(one), truth(other)];
  return { kind: "truth", at: (row) => {
    const [a, b] = [left.at(row), right.at(row)];
    if (a === either || b === either) return either;
    return a === null || b === null ? null : !either;
  } };
}

// The kind in which two numbers are computed, as Arrow has it.
function common(a: Part, b: Part): Kind {
  return a.kind === "double" || b.kind === "double" ? "double" : "int";
}

function numbers(...parts: Part[]): boolean {
  return parts.every(({ kind }) => NUMBERS.includes(kind));
}

// A number as its kind holds it; whole numbers keep all their digits.
function held(value: number | bigint, kind: Kind): number | bigint {
  return kind === "int" ? value : Number(value);
}

function compared(left: Part, right: Part, sign: string): Part {
  const both = numbers(left, right);
  if (!both && left.kind !== right.kind) throw new Error("it does not fit its columns: text stands in quotes, numbers do not");
  const kind = common(left, right);
  const of = (value: NonNullable<Cell>) => (both ? held(value as number | bigint, kind) : value);
  const tests: Record<string, (a: NonNullable<Cell>, b: NonNullable<Cell>) => boolean> = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
    "==": (a, b) => a == b, "=": (a, b) => a == b, "!=": (a, b) => a != b, // bigint and number are compared
  };
  const test = tests[sign]!;
  return { kind: "truth", at: (row) => {
    const [a, b] = [left.at(row), right.at(row)];
    return a === null || b === null ? null : test(of(a), of(b));
  } };
}

function computed(left: Part, right: Part, sign: string): Part {
  if (!numbers(left, right)) throw new Error("only numbers are added, subtracted, multiplied and divided");
  const kind = sign === "/" ? "double" : common(left, right);
  return { kind, at: (row) => {
    const [a, b] = [left.at(row), right.at(row)];
    if (a === null || b === null) return null;
    const [x, y] = [Number(a), Number(b)];
    const value = sign === "+" ? x + y : sign === "-" ? x - y : sign === "*" ? x * y : x / y;
    if (kind === "int" && ![x, y, value].every(Number.isSafeInteger)) throw new Error("its whole numbers are too large for a still copy");
    return held(value, kind);
  } };
}

function negative(part: Part): Part {
  if (!numbers(part)) throw new Error("only numbers have a sign");
  return { kind: part.kind, at: (row) => { const value = part.at(row); return value === null ? null : -(value as number); } };
}
