package fleet

// WaitReason is why jobs wait, in a word. What people read beside a job says more,
// and may be whatever its host said.
type WaitReason string

// Every reason there is.
const (
	WaitAgentOffline     WaitReason = "agent_offline"
	WaitAgentPaused      WaitReason = "agent_paused"
	WaitAgentRevoked     WaitReason = "agent_revoked"
	WaitAgentTooOld      WaitReason = "agent_too_old"
	WaitHostBusy         WaitReason = "host_busy"
	WaitHostDraining     WaitReason = "host_draining"
	WaitStarting         WaitReason = "starting"
	WaitRepositoryBusy   WaitReason = "repository_busy"
	WaitRepositoryLocked WaitReason = "repository_locked"
	WaitHook             WaitReason = "hook"
	WaitArchivesVanished WaitReason = "archives_vanished"
	WaitCatalogue        WaitReason = "catalogue"
	WaitOnHost           WaitReason = "on_host" // for what else its host says
	WaitTurn             WaitReason = "turn"    // for nothing: it is about to be sent
)

// Of these the words come from the host.
const (
	saidLocked = "repository locked"
	saidHook   = "not now (hook)"
)

// waitReasons are the reasons by what people read.
func waitReasons() map[string]WaitReason {
	return map[string]WaitReason{
		"": WaitTurn, waitOffline: WaitAgentOffline, waitPaused: WaitAgentPaused, waitRevoked: WaitAgentRevoked,
		waitHooks: WaitAgentTooOld, waitHost: WaitHostBusy, waitDraining: WaitHostDraining, waitAccepted: WaitStarting,
		waitBusy: WaitRepositoryBusy, waitVanished: WaitArchivesVanished, waitListed: WaitCatalogue,
		saidLocked: WaitRepositoryLocked, saidHook: WaitHook,
	}
}
