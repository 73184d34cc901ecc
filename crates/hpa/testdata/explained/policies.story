# Policies of both directions are used up, and say when they allow more.
kubernetes 1.37

hpa web: 1 to 100 replicas of Deployment/web
  external metric load average value 10
  scale up: window 0s, 4 pods per 1m, 10% per 30s, select Max
  scale down: window 0s, 10% per 1m

pods: 20 ready

at 0s
  load is 900
  -> scales 20 to 24
at 15s
  pods: 24 ready
  -> stays at 24
at 2m
  load is 10
  -> scales 24 to 21
