"""Diagnosis: does the sample, as adjusted, support the estimates?"""
