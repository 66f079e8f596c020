import assert from "node:assert/strict";
import { test } from "node:test";
import { caughtUp, losesData } from "../src/prospects.ts";
import type { Verdict } from "../src/types.ts";

const row = (verdict: Verdict, more = {}) => ({ verdict, lag: 10, unread: null, rate_in: 5, rate_out: 2, catch_up: null, loss_in: null, ...more });
const slow = { rate_in: null, rate_out: null };

test("never is said only of what is known never to be: nobody reads, nothing moves, or it reads too slowly", () => {
  assert.deepEqual([caughtUp(row("stopped", slow)).words, caughtUp(row("stopped", slow)).why], ["never", "nobody reads"]);
  assert.deepEqual([caughtUp(row("stalled", slow)).words, caughtUp(row("stalled")).why], ["never", "not moving"]);
  for (const verdict of ["falling_behind", "will_lose_data", "rewound", "unknown"] as const) {
    assert.deepEqual([caughtUp(row(verdict)).words, caughtUp(row(verdict)).why], ["never", "at this speed"]);
    assert.equal(caughtUp(row(verdict, slow)).words, "unknown");
  }
});

test("a reader that nobody knows the lag of is unknown, whatever its verdict", () => {
  for (const verdict of ["ok", "stopped", "unknown"] as const) {
    assert.equal(caughtUp(row(verdict, { lag: null })).words, "unknown");
    assert.equal(losesData(row(verdict, { lag: null })).words, "unknown");
  }
});

test("who has read everything is caught up and loses nothing, also where offsets hold no records", () => {
  for (const none of [{ lag: 0 }, { lag: 3, unread: 0 }]) assert.deepEqual([caughtUp(row("ok", none)).words, losesData(row("ok", none)).words], ["is", ""]);
});

test("a stop outlives the last speed that was seen; a time is a time; a steady reader keeps pace", () => {
  assert.equal(caughtUp(row("stopped", { catch_up: 4 })).words, "never");
  assert.deepEqual([caughtUp(row("catching_up", { catch_up: 90 })).seconds, caughtUp(row("catching_up", { catch_up: 90 })).words], [90, "1 min 30 s"]);
  assert.equal(caughtUp(row("ok")).words, "keeps pace");
});

test("a loss is not in sight where speeds are known, and unknown where they are not", () => {
  assert.equal(losesData(row("falling_behind")).words, "not in sight");
  assert.equal(losesData(row("ok")).words, "");
  assert.equal(losesData(row("falling_behind", slow)).words, "unknown");
  assert.deepEqual([losesData(row("will_lose_data", { loss_in: 7200 })).seconds, losesData(row("will_lose_data", { loss_in: 7200 })).words], [7200, "2 h"]);
});
