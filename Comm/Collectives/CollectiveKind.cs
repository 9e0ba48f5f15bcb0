namespace Lean.Comm;

/// <summary>What a group of ranks does together.</summary>
public enum CollectiveKind
{
    /// <summary>Every member gets the sum of all members' tensors.</summary>
    AllReduce,

    /// <summary>Every member gets all members' rows, in the group's order.</summary>
    AllGather,

    /// <summary>Every member gets its own rows of the sum of all members' tensors.</summary>
    ReduceScatter,

    /// <summary>Every member gets from every member the rows meant for it.</summary>
    AllToAll,

    /// <summary>Every member gets the root's tensor.</summary>
    Broadcast,

    /// <summary>One member gets another one's tensor; the others only note that it happens.</summary>
    SendReceive,
}
