# A load that flaps between two sizes. A window on the way up keeps spikes that are shorter from adding pods, one on
# the way down keeps dips from removing them; both look at what was asked for, not at what was done.
kubernetes 1.37

hpa web: 2 to 20 replicas of Deployment/web
  external metric load average value 10
  scale up: window 30s
  scale down: window 1m

pods: 4 ready

at 0s
  load is 40
  -> stays at 4
  -> condition AbleToScale True ReadyForNewScale

# A spike: four were asked for within the last 30 s.
at 15s
  load is 80
  -> load proposes 8
  -> stays at 4
  -> condition AbleToScale True ScaleUpStabilized "recent recommendations were lower than current one, applying the lowest recent recommendation"
at 30s
  load is 40
  -> stays at 4
at 45s
  load is 80
  -> stays at 4
  -> condition AbleToScale True ScaleUpStabilized

# It lasts: the four of 30s are exactly as old as the window, and no longer count.
at 1m
  -> scales 4 to 8: "external metric load(nil) above target"

# A dip, with eights in the window of one minute.
at 1m15s
  pods: 8 ready
  load is 40
  -> load proposes 4
  -> stays at 8
  -> condition AbleToScale True ScaleDownStabilized
at 1m30s
  load is 80
  -> stays at 8
  -> condition AbleToScale True ReadyForNewScale
