"""Street scenes with a LiDAR and a camera, made by code: a data set for trying the detector.

Figures of stone and wood stand among the pedestrians. They have a person's body, so the LiDAR alone cannot
tell them apart; the camera can, because people wear saturated colours.

Frames, all right-handed and in metres, used under these names throughout the package:

* *world*: ``x`` along the street, ``y`` left, ``z`` up, the ground is ``z = 0``.
* *local*: of one thing; ``x`` is its heading, ``z`` up, the origin lies on the ground under it.
* *LiDAR*: of one frame; ``x`` forward, ``y`` left, ``z`` up, the ground is ``z = -1.73``.
* *camera*: KITTI's rectified camera 0; ``x`` right, ``y`` down, ``z`` forward. Labels live here.
"""

from bevfusion.demo.writer import write_dataset

__all__ = ["write_dataset"]
