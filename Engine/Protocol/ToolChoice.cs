using System.Text.Json;

namespace Lean.Engine.Protocol;

/// <summary>Whether an answer may, must or must not call functions.</summary>
/// <param name="IsNone">Whether it must not.</param>
/// <param name="MustCall">Whether it must.</param>
/// <param name="Name">The function that it must call, or null for any.</param>
internal readonly record struct ToolChoice(bool IsNone, bool MustCall, string? Name)
{
    private const string Field = "tool_choice";

    /// <summary>Whether a function is one of which the answer must call one.</summary>
    public bool Requires(string function) => MustCall && (Name is null || Name == function);

    /// <summary>Reads a request's tool_choice.</summary>
    /// <param name="body">The request.</param>
    /// <param name="functions">The functions that there are.</param>
    /// <param name="flat">Whether a function's name stands beside its type, as in /v1/responses.</param>
    /// <exception cref="ApiException">It is none, or asks for what is not there.</exception>
    public static ToolChoice Read(RequestObject body, IReadOnlyCollection<string> functions, bool flat)
    {
        if (!body.TryGet(Field, out JsonElement choice))
        {
            return default;
        }

        if (choice.ValueKind == JsonValueKind.Object)
        {
            return new ToolChoice(IsNone: false, MustCall: true, Named(RequestObject.Object(Field, choice), functions, flat));
        }

        switch (choice.ValueKind == JsonValueKind.String ? choice.GetString() : null)
        {
            case "none":
                return new ToolChoice(IsNone: true, MustCall: false, null);
            case "auto":
                return default;
            case "required" when functions.Count > 0:
                return new ToolChoice(IsNone: false, MustCall: true, null);
            case "required":
                throw ApiException.Invalid(Field, $"{Field} is 'required', but there are no tools");
            default:
                throw RequestObject.Wrong(Field, choice, "none, auto, required, or an object that names a function");
        }
    }

    private static string Named(RequestObject choice, IReadOnlyCollection<string> functions, bool flat)
    {
        if (choice.Text("type") is not "function")
        {
            throw ApiException.Invalid($"{Field}.type", $"{Field}.type is no function, expected function with its name");
        }

        RequestObject holder = flat ? choice : choice.Object("function")
            ?? throw ApiException.Invalid($"{Field}.function", $"{Field}.function is missing, expected an object with name");
        string name = Messages.Required(holder, "name");
        return functions.Contains(name) ? name : throw RequestObject.Wrong(holder.At("name"), holder.Element.GetProperty("name"), "the name of one of the tools");
    }
}
