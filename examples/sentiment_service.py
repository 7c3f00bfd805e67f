"""A service around one model: a text in, its probabilities out.

It needs a model that was saved as `fastai_sentiment`, such as the demo's. Serve it with
`learnwire serve examples/sentiment_service.py:svc`.
"""

import learnwire_service as lw

runner = lw.get("fastai_sentiment:latest").to_runner()
svc = lw.Service("fast_sentiment", runners=[runner])

@svc.api(input=lw.Text(), output=lw.NdArray())
async def classify_text(text: str):
    return await runner.predict.async_run(text)
