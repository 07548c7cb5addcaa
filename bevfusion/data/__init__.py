"""From KITTI folders to what the detector eats: conversion, checks, loading, augmentation."""
