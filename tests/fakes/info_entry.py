"""One frame as an info file holds it."""

from typing import Any

import numpy as np


def entry(**changes: Any) -> dict[str, Any]:
    eye = np.eye(4).tolist()
    camera = {
        "img_path": "7.png",
        "height": 3,
        "width": 4,
        "cam2img": eye,
        "lidar2cam": eye,
        "lidar2img": eye,
    }
    person = {
        "bbox_label_3d": 0,
        "bbox_3d": [1, 2, 3, 4, 5, 6, 0.5],
        "bbox": [1, 2, 3, 4],
        "num_lidar_pts": 9,
    }
    return {
        "name": "000007",
        "sample_idx": 7,
        "sequence": "0003",
        "lidar_points": {"lidar_path": "7.bin", "num_pts_feats": 4},
        "images": {"CAM2": camera},
        "instances": [person],
        "annotations": {"name": ["Pedestrian"]},
        "plane": None,
    } | changes
