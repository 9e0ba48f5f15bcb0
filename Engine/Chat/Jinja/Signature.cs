using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja;

/// <summary>The parameters of a function of ours, so that arguments may come by place or by name.</summary>
/// <param name="name">How Python's messages name it.</param>
/// <param name="required">Parameters that have no default.</param>
/// <param name="parameters">All parameters' names.</param>
internal sealed class Signature(string name, int required, params string[] parameters)
{
    /// <summary>One value per parameter; <see cref="Missing.Value"/> where none was given.</summary>
    public object?[] Bind(Arguments given)
    {
        if (given.Positional.Length > parameters.Length)
        {
            string expected = required == parameters.Length ? $"{required}" : $"from {required} to {parameters.Length}";
            throw Fault.Type($"{name}() takes {expected} positional argument{(parameters.Length == 1 ? "" : "s")} but {given.Positional.Length} were given");
        }

        object?[] bound = new object?[parameters.Length];
        Array.Fill(bound, Missing.Value);
        given.Positional.CopyTo(bound, 0);
        foreach ((string key, object? value) in given.Named)
        {
            int index = Array.IndexOf(parameters, key);
            if (index < 0)
            {
                throw Fault.Type($"{name}() got an unexpected keyword argument '{key}'");
            }

            if (index < given.Positional.Length)
            {
                throw Fault.Type($"{name}() got multiple values for argument '{key}'");
            }

            bound[index] = value;
        }

        for (int i = 0; i < required; i++)
        {
            if (ReferenceEquals(bound[i], Missing.Value))
            {
                throw Fault.Type($"{name}() missing 1 required positional argument: '{parameters[i]}'");
            }
        }

        return bound;
    }
}
