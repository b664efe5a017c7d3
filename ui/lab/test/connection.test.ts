import { describe, expect, test } from 'vitest';

import { Connection, outcomeOf } from '../src/connection';

describe('a connection', () => {
  test('is not said to be stopped for a moment of a proxy without routes', () => {
    const connection = new Connection();
    connection.take('no-server', 0);
    connection.take('no-server', 2_000);
    expect(connection.link).toBe('unreachable');
    connection.take('answered', 3_000);
    expect(connection.link).toBe('connected');
  });

  test('is stopped after several such answers over some seconds', () => {
    const connection = new Connection();
    for (const at of [0, 2_500, 5_000, 7_500]) {
      connection.take('no-server', at);
    }
    expect(connection.link).toBe('stopped');
  });

  test('is believed to be stopped at once where a stop was due', () => {
    const connection = new Connection();
    connection.take('no-server', 0, true);
    expect(connection.link).toBe('stopped');
  });

  test('many failures in one instant do not make a stop', () => {
    const connection = new Connection();
    for (let count = 0; count < 20; count += 1) {
      connection.take('no-server', 100);
    }
    expect(connection.link).toBe('unreachable');
  });

  test('a network that is away is no stop, however long', () => {
    const connection = new Connection();
    for (let at = 0; at < 600_000; at += 2_500) {
      connection.take('no-answer', at);
    }
    expect(connection.link).toBe('unreachable');
  });

  test('a stopped session stays so while the network comes and goes, and ends by an answer', () => {
    const connection = new Connection();
    [0, 4_000, 8_000].forEach(at => connection.take('no-server', at));
    connection.take('no-answer', 9_000);
    expect(connection.link).toBe('stopped');
    connection.take('no-server', 10_000);
    expect(connection.link).toBe('stopped');
    connection.take('answered', 11_000);
    expect(connection.link).toBe('connected');
  });

  test('asks sooner while it is lost than while all is well', () => {
    const connection = new Connection();
    const calm = connection.patience_ms;
    connection.take('no-answer', 0);
    expect(connection.patience_ms).toBeLessThan(calm);
  });
});

test.each([
  [{ type: 'opaqueredirect', status: 0 }, 'no-server'],
  [{ type: 'basic', status: 424 }, 'no-server'],
  [{ type: 'basic', status: 503 }, 'no-server'],
  [{ type: 'basic', status: 403 }, 'refused'],
  [{ type: 'basic', status: 404 }, 'answered'],
  [{ type: 'basic', status: 500 }, 'answered']
])('%o means %s', (response, outcome) => expect(outcomeOf(response)).toBe(outcome));
