"""Stress tests: what would it take to overturn the estimates?"""
