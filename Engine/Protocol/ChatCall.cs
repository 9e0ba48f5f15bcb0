using System.Security.Cryptography;
using System.Text;

namespace Lean.Engine.Protocol;

/// <summary>A function that an answer calls.</summary>
/// <param name="Id">The call's id.</param>
/// <param name="Name">The function.</param>
internal sealed record ChatCall(string Id, string Name)
{
    private const int IdLength = 24;

    /// <summary>The arguments, as JSON.</summary>
    public StringBuilder Arguments { get; } = new();

    /// <summary>An id that no other call has.</summary>
    public static string NewId() => $"call_{RandomNumberGenerator.GetHexString(IdLength, lowercase: true)}";
}
