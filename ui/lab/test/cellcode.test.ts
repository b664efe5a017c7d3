import { describe, expect, test } from 'vitest';

import { type Connection, readCatalogue } from '../src/data/catalogue';
import { connectionCode, datasetCode, identifier, imports } from '../src/data/code';

function dataset(name: string, more: object = {}) {
  const [one] = readCatalogue({ datasets: [{ name, address: `http://${name}.data.nbkeep/`, ...more }] }).datasets;
  return one!;
}

const warehouse: Connection = {
  name: 'ware-house', kind: 'postgres', local_port: 5433, is_granted: true, database: 'sales', has_password: true
};

describe('names of Python', () => {
  test.each([
    ['sales', 'sales'],
    ['sales-2024', 'sales_2024'],
    ['2024-sales', 'data_2024_sales'],
    ['class', 'class_data'],
    ['pd', 'pd_data']
  ])('%s becomes %s', (name, wanted) => {
    expect(identifier(name)).toBe(wanted);
  });
});

describe('what a notebook imports', () => {
  test.each(['import polars', 'import polars as pl', 'x = 1\nimport os, polars', '  from polars import col'])('is seen: %s', source => {
    expect(imports(source, 'polars')).toBe(true);
  });

  test.each(['', '# import polars', 'import polarsx', 'print("import polars")'])('is not made up: %s', source => {
    expect(imports(source, 'polars')).toBe(false);
  });
});

describe('the code of a cell', () => {
  test('reads with pandas, or with Polars where the notebook does', () => {
    const code = datasetCode(dataset('sales'), '');
    expect(code).toContain('"http://sales.data.nbkeep/?format=json"');
    expect(code).toContain('sales = pd.read_parquet(sales_file)');
    expect(datasetCode(dataset('sales'), 'import polars as pl')).toContain('sales = pl.read_parquet(sales_file)');
  });

  test('holds nothing that somebody wrote about the dataset', () => {
    expect(datasetCode(dataset('sales', { purpose: '"""\nimport os', owner: 'x\nimport os' }), '')).not.toContain('import os');
  });

  test('connects by the local port, with psycopg or DuckDB', () => {
    expect(connectionCode(warehouse, '')).toContain('"host=localhost port=5433 dbname=sales user=me"');
    const duck = connectionCode(warehouse, 'import duckdb');
    expect(duck).toContain("ATTACH 'host=localhost port=5433 dbname=sales user=me' AS ware_house");
  });

  test('quotes the name of a database', () => {
    const odd = { ...warehouse, database: `a'b"c\\d\n` };
    expect(connectionCode(odd, '').split('\n')[2]).toBe(
      `with psycopg.connect(${JSON.stringify(`host=localhost port=5433 dbname='a\\'b"c\\\\d\n' user=me`)}) as db:`
    );
    expect(connectionCode(odd, 'import duckdb')).toContain("dbname=''a\\\\''b");
  });

  test('of another service opens a socket', () => {
    expect(connectionCode({ ...warehouse, kind: 'tcp', local_port: 5672 }, '')).toContain('("localhost", 5672)');
  });
});
