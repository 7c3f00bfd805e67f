"""How the figures come about, in words for the report."""

METHOD = """\
Each contender is a process of its own, held to one core and one thread (`OMP_NUM_THREADS=1`): the
server as `learnwire serve` starts it, the noop server, and one process each for the bare model,
`learner.predict` and `get_preds`. The client is a process of its own on another core. Only one
contender works at a time.

In each round every figure is taken once, and every other round goes backwards, so that a drift of
the machine hits all alike. A ratio is taken within each round; the tables show the median of the
rounds and, as range, the least and the most. A short round before does not count.

- **Models.** *penguins* is the demo's, trained. *text* is a full-size AWD_LSTM classifier
  (400/1152/3, a vocabulary of 8,000) and *resnet* a resnet18, both with random weights: speed does
  not depend on them. Before the rounds the server's answers to 32 items of each are checked
  against `learner.predict`'s.
- **Items.** Real rows of penguins, some cells missing; 256 different texts of exactly 58 tokens;
  images of noise, 64 by 64 pixels.
- **N in flight.** N callers, each sending its next item when the last is answered, over one
  connection, in bytes made beforehand. *items/s* sums each caller's own rate, *p50* and *p95* are
  latencies of single calls.
- **busy** is how much of its core the contender used, and where there is one, the client of its
  own.
- **bulk** of Learnwire is one `client.predict_many`: 100,000 rows in a DataFrame, 128 texts or 512
  images, from values to answers, ended at the first answers after 15 seconds where there are still
  more; p50 and p95 are the time of all of it. *bulk* of `get_preds` is 4,096 rows, 32 texts or
  64 images, `test_dl` included. Its answers for texts of several lengths would be wrong; here all
  lengths are the same.
- **bare model** is the same torch model in `inference_mode` on plain tensors that are ready, so
  without any preparation of items or reading of answers; p50 and p95 are the time of a batch. That
  of text resets itself and clones its weights at each batch, as fastai has it. The best batch size
  is the one with the highest median.
- **learner.predict** goes item by item, without progress bar.
- **latency added** is the median latency of one idle prediction, one in flight, less that of the
  noop server, less the bare model's time for one row: what Learnwire itself adds to wire, codec and
  model.
- **memory** is the highest resident size of each process while the rows pass, looked at every 20
  ms, less that before; the client is a fresh process that holds the DataFrame and has sent 10,000
  rows.

Targets that say *best* mean the bare model's best batch size among those in the table. The target
for `predict_many` names no batch size: it is shown against the best, and against 256 rows, with
which the client begins (it sends up to 2,048 in a call to a fast model)."""
