namespace Lean.Comm;

/// <summary>What is known of a rank when rings are collected.</summary>
public enum RankState
{
    /// <summary>It gave its ring.</summary>
    Answered,

    /// <summary>Its connection stands, but it says nothing: stopped, or its machine is out of reach.</summary>
    Silent,

    /// <summary>Its process ended.</summary>
    Gone,

    /// <summary>It never came.</summary>
    NeverCame,

    /// <summary>It came and was not taken in: it is of another build, or was started otherwise.</summary>
    Refused,
}
