# Somebody else wrote the scale between reading and writing it. From 1.34 the controller tries again, five times in
# all; other errors end the turn, and the next one starts afresh.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  external metric load average value 10

pods: 3 ready

at 0s
  load is 40
  scale write conflicts "the object has been modified"
  -> scales 3 to 4
  -> writes scale 2 times
  -> event Normal SuccessfulRescale
at 15s
  pods: 4 ready
  load is 60
  scale write conflicts 5 times "the object has been modified"
  -> cannot scale 4 to 6: "external metric load(nil) above target"
  -> writes scale 5 times
  -> desired replicas 4
  -> condition AbleToScale False FailedUpdateScale "the HPA controller was unable to update the target scale: the object has been modified"
  -> event Warning FailedRescale "New size: 6; reason: external metric load(nil) above target; error: the object has been modified"
  -> error "failed to rescale Deployment/default/web: the object has been modified"
at 30s
  scale write fails "forbidden"
  -> cannot scale 4 to 6
  -> writes scale 1 time
at 45s
  -> scales 4 to 6
  -> writes scale 1 time
  -> condition AbleToScale True SucceededRescale
