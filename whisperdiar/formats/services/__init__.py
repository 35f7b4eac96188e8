"""Formats of recognisers that are read and never written: services in the cloud and programs of other projects.

A module of it has ``name``, ``suffix``, ``needs``, ``title`` (the product's name), ``matches(data)``, which tells from
the keys of a JSON value whether it is of this form, and ``read(text)``.
"""
