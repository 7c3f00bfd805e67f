"""Asks for one prediction: PYTHONPATH=gen python first.py HOST:PORT."""

import sys

import grpc
from learnwire.v1 import io_pb2, prediction_service_pb2, prediction_service_pb2_grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    text = io_pb2.Text(content="A warm and funny film.")
    request = prediction_service_pb2.PredictRequest(model="sentiment", text=text)
    print(stub.Predict(request, timeout=30).prediction.single_label.label)
