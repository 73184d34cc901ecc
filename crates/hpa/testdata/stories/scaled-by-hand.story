# Somebody scales by hand. The window looks at what metrics asked for, not at how many pods there are, so the
# controller takes its pods back in the next turn, whatever the window.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  external metric load average value 10

pods: 3 ready
load is 30

at 0s
  -> stays at 3
at 15s
  somebody scales to 9
  -> load proposes 3
  -> scales 9 to 3: "All metrics below target"
at 30s
  somebody scales to 15
  -> scales 15 to 10: "Current number of replicas above Spec.MaxReplicas"
  -> metric calls 0
at 45s
  -> scales 10 to 3
