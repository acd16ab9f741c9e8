"""Densities that are looked up by symbol, and symbols known by their likelihoods, over blocks of many lanes."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel


@kernel
def fill_from_table(table: np.ndarray, unobserved: float, symbols: np.ndarray, rows: np.ndarray) -> None:
    """Fill ``rows`` (place, state, lane) with the entries of a table; ``unobserved`` where the symbol is negative.

    Parameters: ``table`` (state, symbol), ``symbols`` (place, lane).
    """
    n_places, n_states, n_lanes = rows.shape
    for place in range(n_places):
        for state in range(n_states):
            for lane in range(n_lanes):
                symbol = symbols[place, lane]
                rows[place, state, lane] = table[state, symbol] if symbol >= 0 else unobserved


@kernel
def add_symbols(symbols: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> None:
    """Add the weight of every symbol in every state to ``sums`` (state, symbol, lane).

    Parameters: ``symbols`` (place, lane), negative where nothing was observed; ``weights`` (place, state, lane).
    """
    n_places, n_states, n_lanes = weights.shape
    for place in range(n_places):
        for state in range(n_states):
            for lane in range(n_lanes):
                symbol = symbols[place, lane]
                if symbol >= 0:
                    sums[state, symbol, lane] += weights[place, state, lane]


@kernel
def fill_from_likelihoods(proportions: np.ndarray, likelihoods: np.ndarray, rows: np.ndarray) -> None:
    """Fill ``rows`` (place, state, lane) with the likelihood of each state, summed over symbols; 1 where one is NaN.

    Parameters: ``proportions`` (state, symbol), ``likelihoods`` (place, symbol, lane).
    """
    n_places, n_states, n_lanes = rows.shape
    for place in range(n_places):
        for state in range(n_states):
            for lane in range(n_lanes):
                rows[place, state, lane] = 0.0
            for symbol in range(proportions.shape[1]):
                p = proportions[state, symbol]
                for lane in range(n_lanes):
                    rows[place, state, lane] += p * likelihoods[place, symbol, lane]
            for lane in range(n_lanes):
                value = rows[place, state, lane]
                rows[place, state, lane] = value if value == value else 1.0


@kernel
def add_likely_symbols(proportions: np.ndarray, likelihoods: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> None:
    """Add the expected weight of every symbol in every state to ``sums`` (state, symbol, lane).

    Parameters: ``proportions`` (state, symbol), ``likelihoods`` (place, symbol, lane), NaN where nothing was observed;
    ``weights`` (place, state, lane).
    """
    n_places, n_states, n_lanes = weights.shape
    share = np.empty(n_lanes)
    for place in range(n_places):
        for state in range(n_states):
            for lane in range(n_lanes):
                share[lane] = 0.0
            for symbol in range(proportions.shape[1]):
                for lane in range(n_lanes):
                    share[lane] += proportions[state, symbol] * likelihoods[place, symbol, lane]
            for lane in range(n_lanes):
                share[lane] = weights[place, state, lane] / share[lane] if share[lane] > 0.0 else 0.0
            for symbol in range(proportions.shape[1]):
                p = proportions[state, symbol]
                for lane in range(n_lanes):
                    if share[lane] > 0.0:
                        sums[state, symbol, lane] += share[lane] * p * likelihoods[place, symbol, lane]


@kernel
def scale_rows(rows: np.ndarray, tops: np.ndarray) -> None:
    """Divide densities by the largest at each place, whose logarithms go to ``tops`` (place, lane).

    ``rows`` is (place, state, lane); where all densities are 0 they stay so.
    """
    n_places, n_states, n_lanes = rows.shape
    for place in range(n_places):
        for lane in range(n_lanes):
            tops[place, lane] = 0.0
        for state in range(n_states):
            for lane in range(n_lanes):
                value = rows[place, state, lane]
                tops[place, lane] = value if value > tops[place, lane] else tops[place, lane]
        for state in range(n_states):
            for lane in range(n_lanes):
                top = tops[place, lane]
                rows[place, state, lane] = rows[place, state, lane] / top if top > 0.0 else 0.0
        for lane in range(n_lanes):
            tops[place, lane] = math.log(tops[place, lane]) if tops[place, lane] > 0.0 else 0.0
