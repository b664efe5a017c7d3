/** The code of a cell that reads a dataset or uses a connection. Pure. */
import type { Connection, Dataset } from './catalogue';

// Names that the code itself uses, and those that Python has: a dataset called `class` is read into `class_data`.
const TAKEN = new Set(
  ('False None True and as assert async await break class continue def del elif else except finally for from global if import ' +
    'in is lambda match nonlocal not or pass print raise return try type while with yield ' +
    'db duckdb json pd pl psycopg socket urllib').split(' ')
);

/** A name of Python for a dataset's or connection's. */
export function identifier(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '');
  const named = /^[A-Za-z]/.test(plain) ? plain : `data_${plain}`;
  return TAKEN.has(named) ? `${named}_data` : named;
}

/** Whether code imports a module: what a notebook uses already is what its new cells should use. */
export function imports(source: string, module: string): boolean {
  return new RegExp(`^\\s*(import\\s+(\\w+(\\s+as\\s+\\w+)?\\s*,\\s*)*${module}\\b|from\\s+${module}\\b)`, 'm').test(source);
}

/** Python that reads the first file of what may be read of a dataset; `source`: the notebook's code. */
export function datasetCode(dataset: Dataset, source: string): string {
  const name = identifier(dataset.name);
  const polars = imports(source, 'polars');
  const [module, short] = polars ? ['polars', 'pl'] : ['pandas', 'pd'];
  return [
    'import json',
    'import urllib.request',
    '',
    `import ${module} as ${short}`,
    '',
    '# What this session may read of it; choose another file by its "key".',
    `${name}_files = json.load(urllib.request.urlopen("${dataset.address}?format=json"))["objects"]`,
    `${name}_file = ${name}_files[0]["url"]`,
    `${name} = ${short}.read_parquet(${name}_file) if ${name}_file.endswith(".parquet") else ${short}.read_csv(${name}_file)`,
    `${name}.head()`
  ].join('\n');
}

/** A value in PostgreSQL's connection string, which knows quotes and backslashes. */
function quoted(value: string): string {
  return /^[\w.-]+$/.test(value) ? value : `'${value.replace(/[\\']/g, '\\$&')}'`;
}

/** Python that connects by the local port; a database with psycopg, or DuckDB where the notebook uses it. */
export function connectionCode(connection: Connection, source: string): string {
  const { local_port: port } = connection;
  if (connection.kind !== 'postgres') {
    return [
      'import socket',
      '',
      `with socket.create_connection(("localhost", ${port}), timeout=10) as ${identifier(connection.name)}:`,
      `    print("connected to", ${identifier(connection.name)}.getpeername())`
    ].join('\n');
  }
  const database = connection.database ? ` dbname=${quoted(connection.database)}` : '';
  const where = `host=localhost port=${port}${database} user=me`;
  if (imports(source, 'duckdb')) {
    const inSql = where.replace(/'/g, "''");
    return [
      'import duckdb',
      '',
      'duckdb.sql("INSTALL postgres; LOAD postgres")',
      `duckdb.sql(${JSON.stringify(`ATTACH '${inSql}' AS ${identifier(connection.name)} (TYPE postgres, READ_ONLY)`)})`,
      'duckdb.sql("SHOW ALL TABLES")'
    ].join('\n');
  }
  return [
    'import psycopg  # %pip install "psycopg[binary]"',
    '',
    `with psycopg.connect(${JSON.stringify(where)}) as db:`,
    '    tables = db.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()',
    'tables[:20]'
  ].join('\n');
}
