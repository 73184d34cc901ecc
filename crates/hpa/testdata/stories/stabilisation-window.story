# A queue that flaps. The stabilisation window holds the highest size that was asked for in the last 60 s, so a dip
# that is shorter removes no pod; when the dip lasts, pods go at the pace of the policy.
kubernetes 1.37

hpa web in shop: 2 to 10 replicas of Deployment/web
  external metric queue_depth{queue=mail} average value 10
  scale down: window 60s, 1 pod per 15s

pods: 3 ready

at 0s
  queue_depth is 45
  -> scales 3 to 5: "external metric queue_depth(&LabelSelector{MatchLabels:map[string]string{queue: mail,},MatchExpressions:[]LabelSelectorRequirement{},}) above target"
  -> condition AbleToScale True SucceededRescale "the HPA controller was able to update the target scale to 5"
  -> condition ScalingLimited False DesiredWithinRange
  -> targets "15/10 (avg)"

# The dip: 12 are work for two pods, but five were asked for at 0s.
at 15s
  pods: 5 ready
  queue_depth is 12
  -> stays at 5
  -> queue_depth proposes 2
  -> condition AbleToScale True ScaleDownStabilized
  -> no events

# An instant before the window ends, it still holds.
at 59s
  -> stays at 5

# What is exactly as old as the window no longer counts.
at 1m
  -> scales 5 to 4: "All metrics below target"
  -> condition AbleToScale True SucceededRescale
  -> condition ScalingLimited True ScaleDownLimit

# One pod each 15 s.
at 1m15s
  pods: 4 ready
  -> scales 4 to 3
at 1m30s
  pods: 3 ready
  -> scales 3 to 2
at 1m45s
  pods: 2 ready
  -> stays at 2
  -> condition AbleToScale True ReadyForNewScale
  -> condition ScalingLimited False DesiredWithinRange
