"""What `bench_state.py` has in a kernel's memory, how it changes, and what must be there after a restore."""

from __future__ import annotations

IMPORTS = (
    "import numpy as np, pandas as pd, sklearn.ensemble, matplotlib.pyplot as plt, cloudpickle, pickle, os"
)
STATE = """
rng = np.random.default_rng(1)
big = rng.random(62_500_000); view = big[1000:2_000_000]; strided = big[::7]; back = big[::-1]
df = pd.DataFrame({f"c{i}": rng.random(2_000_000) for i in range(20)}); renamed = df; column = df["c3"]
left = df.loc[:, "c0":"c4"]
model = sklearn.ensemble.RandomForestClassifier(n_estimators=20).fit(df[:3000], df.c0[:3000] > 0.5)
told = model.predict(df[:100]); fig, ax = plt.subplots(); ax.plot([1, 2, 3])
class Node:
    def __init__(self, n): self.n = n; self.me = self
nodes = [Node(n) for n in range(50_000)]; first = nodes[0]; rows = [{"n": n} for n in range(50_000)]
words = ["a"]; alias = words; held = {"words": words}
def counter():
    c = 0
    def inc():
        nonlocal c
        c += 1
        return c
    def get(): return c
    return inc, get
inc, get = counter()
runs = 0
def run():
    global runs
    runs += 1
    return runs
total = float(big[::1000].sum())
"""
CHANGE = "big[5] += 1; df.loc[0, 'c1'] = 2.0; words.append('b')"
UNPICKLABLE = "bad = (n for n in [1]); import socket; door = socket.socket(); held = [bad, words]"
ALIASES = (
    "np.shares_memory(big, view)", "np.shares_memory(big, strided)", "np.shares_memory(big, back)",
    "renamed is df",
    "held['words'] is words and alias is words", "first is nodes[0] and first.me is first",
    "(inc(), get())[1] == 1", "(run(), runs)[1] == 1",
)  # fmt: skip
VALUES = (
    "float(big[::1000].sum()) == total or big[5] >= 1", "df.shape == (2_000_000, 20)", "df.c1[0] == 2.0",
    "(column == df.c3).all() and (left.c3 == df.c3).all() and left.shape[1] == 5",
    "(model.predict(df[:100]) == told).all()", "len(fig.axes[0].lines) == 1",
    "len(nodes) == 50_000 and nodes[-1].n == 49_999", "rows[-1] == {'n': 49_999}", "words == ['a', 'b']",
    "float(back[0]) == float(big[-1])",
)  # fmt: skip
# Where the image, or what is lent to it, has torch:
TORCH_STATE = """
import torch
net = torch.nn.Sequential(torch.nn.Linear(512, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 512))
optimizer = torch.optim.Adam(net.parameters()); given = torch.ones(4, 512)
net(given).sum().backward(); optimizer.step(); net_told = net(given).detach(); whole = torch.rand(1000, 1000)
corner = whole[:10, :10]
"""
TORCH_ALIASES = (
    "optimizer.param_groups[0]['params'][0] is net[0].weight",
    "corner.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()",
)
TORCH_VALUES = (
    "torch.allclose(net(given), net_told) and net[0].weight.grad is not None",
    "len(optimizer.state) == 4 and (optimizer.step(), True)[1]",
)
NAMES = (
    "[n for n in list(globals()) if not n.startswith('_')"
    " and n not in ('In', 'Out', 'exit', 'quit', 'get_ipython', 'open')]"
)
TOUCH = "float(big.sum() + df.to_numpy().sum())"
# Cells of a session of work, and what they work on:
MIXED = (
    "total = sum(i * i for i in range(4_000_000))",
    "table.groupby(table.a.round(2)).b.mean().sort_values().head()",
    "numbers = np.sort(numbers)[::-1].copy(); numbers[0] += 1",
    "model = sklearn.ensemble.RandomForestClassifier(15).fit(table[:2000], table.a[:2000] > 0.5)",
    "found.append({'round': len(found), 'mean': float(table.b.mean())})",
    "table['d'] = np.sqrt(table.a) + table.b",
)
MIXED_STATE = """
import numpy as np, pandas as pd, sklearn.ensemble
rng = np.random.default_rng(1); numbers = rng.random(12_000_000); found = []
table = pd.DataFrame({name: rng.random(3_000_000) for name in "abc"})
"""
