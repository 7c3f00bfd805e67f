"""Everything that touches gRPC: conversion, servicers, the server."""
