namespace Lean.Comm;

/// <summary>What goes over the control channel.</summary>
internal enum ControlMessage
{
    /// <summary>A member says who it is: rank, ranks, build.</summary>
    Hello,

    /// <summary>The coordinator takes it.</summary>
    Welcome,

    /// <summary>The coordinator does not take it, or ends the run: a sentence.</summary>
    Refused,

    /// <summary>Sign of life: the last collective.</summary>
    Heartbeat,

    /// <summary>Something for all members, such as a group's id or a plan: a name, bytes.</summary>
    Publish,

    /// <summary>A member found a fault, or waits for too long: whether it is a fault, a sentence.</summary>
    Alarm,

    /// <summary>The coordinator wants the ring.</summary>
    Collect,

    /// <summary>A member's ring.</summary>
    Ring,

    /// <summary>Everybody ends: a sentence.</summary>
    Verdict,

    /// <summary>Something from a member for rank 0: a name, bytes.</summary>
    Report,

    /// <summary>A member begins a step: which, and its plan's digest.</summary>
    PlanHead,

    /// <summary>The coordinator wants the plan of a step.</summary>
    ShowPlan,

    /// <summary>A member's plan.</summary>
    Plan,

    /// <summary>The end of a run that went well.</summary>
    Goodbye,
}
